import { Stack } from 'aws-cdk-lib';
import { EventBus, Rule } from 'aws-cdk-lib/aws-events';
import { SfnStateMachine } from 'aws-cdk-lib/aws-events-targets';
import { DefinitionBody, JsonPath, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsService } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { Construct } from 'constructs';

export interface PauseCodePipelineProps {
  readonly pipelineName: string;
  /** The stage that no execution shall enter any more, such as the one that deploys to the next region. */
  readonly stageName: string;
  /** Name of the hub's event bus, which is the config's prefix. @default 'recohere' */
  readonly busName?: string;
  /**
   * What the pipeline deploys, by the names that `recohere status` prints: only a pause that concerns one of them closes the way. A request
   * names 100 subjects at most, so one that concerns more may not name yours.
   * @default whatever does not agree, of other pipelines too
   */
  readonly subjects?: readonly string[];
}

/**
 * Closes the way into a stage of a pipeline when Recohere asks for a pause of a rollout, without a line of code that runs. What is in the
 * stage already goes on. A person opens the way again, in the console or with `aws codepipeline enable-stage-transition`.
 *
 * For a stack in the account and region of the hub, where the pipeline must be too.
 */
export class PauseCodePipeline extends Construct {
  constructor(scope: Construct, id: string, props: PauseCodePipelineProps) {
    super(scope, id);
    const { pipelineName, stageName, busName = 'recohere', subjects } = props;
    const pause = new CallAwsService(this, 'Pause', {
      service: 'codepipeline',
      action: 'disableStageTransition',
      parameters: {
        PipelineName: pipelineName,
        StageName: stageName,
        TransitionType: 'Inbound',
        // `critical-stalled` or `exposure-burn`: of the rest of the event, CodePipeline would not take every character
        Reason: JsonPath.format('Recohere asks for a pause ({})', JsonPath.stringAt('$.detail.reason')),
      },
      iamResources: [
        Stack.of(this).formatArn({
          service: 'codepipeline',
          resource: pipelineName,
          resourceName: stageName,
        }),
      ],
    }).addRetry({ maxAttempts: 5 });
    const machine = new StateMachine(this, 'StateMachine', {
      definitionBody: DefinitionBody.fromChainable(pause),
    });
    new Rule(this, 'Asked', {
      description: `Pauses of rollouts, for the pipeline ${pipelineName}`,
      eventBus: EventBus.fromEventBusName(this, 'Bus', busName),
      eventPattern: {
        account: [Stack.of(this).account], // only the hub asks for it: other accounts can put events on its bus too
        source: ['recohere'],
        detailType: ['Rollout Pause Requested'],
        ...(subjects && { detail: { subjects: [...subjects] } }), // one in common is enough
      },
      targets: [new SfnStateMachine(machine)],
    });
  }
}
