import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { PauseCodePipeline } from '../../examples/pause-codepipeline.ts';
import { PAUSE_EVENT, type PauseRequest } from '../../functions/contract/notices.ts';
import { resourcesOf, textOf } from './synthesized.ts';

const stack = new Stack(new App({ analyticsReporting: false }), 'stack');
new PauseCodePipeline(stack, 'Pause', { pipelineName: 'shop', stageName: 'eu-west-1' });
const template = Template.fromStack(stack);
const [machineId] = Object.keys(template.findResources('AWS::StepFunctions::StateMachine'));
const statements = resourcesOf(template, 'AWS::IAM::Policy').flatMap(
  ({ Properties }) => Properties.PolicyDocument.Statement,
);

/** What CodePipeline takes as a reason. @see https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_DisableStageTransition.html */
const REASON = /^[a-zA-Z0-9!@ ().*?-]{1,300}$/;

describe('the example that pauses a pipeline', () => {
  it('hears what the hub sends when a pause is asked for, and nobody else', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      EventBusName: 'recohere',
      EventPattern: {
        account: [{ Ref: 'AWS::AccountId' }],
        source: [PAUSE_EVENT.source],
        'detail-type': [PAUSE_EVENT.detailType],
      },
      Targets: [{ Arn: { Ref: machineId } }],
    });
  });

  it('hears only of the subjects that it is given', () => {
    const narrow = new Stack(new App({ analyticsReporting: false }), 'stack');
    const subjects = ['checkout-api', 'prod/db'];
    new PauseCodePipeline(narrow, 'Pause', { pipelineName: 'shop', stageName: 'eu-west-1', subjects });
    const [rule] = resourcesOf(Template.fromStack(narrow), 'AWS::Events::Rule');
    const detail: Pick<PauseRequest, 'subjects'> = { subjects };
    expect(rule?.Properties.EventPattern.detail).toEqual(detail);
    expect(resourcesOf(template, 'AWS::Events::Rule')[0]?.Properties.EventPattern).not.toHaveProperty(
      'detail',
    );
  });

  it('closes the way into the stage, and says why in characters that are taken', () => {
    const [machine] = resourcesOf(template, 'AWS::StepFunctions::StateMachine');
    const { States } = JSON.parse(textOf(machine?.Properties.DefinitionString));
    const [task] = Object.values(States) as { Resource: string; Parameters: Record<string, string> }[];
    expect(task?.Resource).toBe('arn:aws:states:::aws-sdk:codepipeline:disableStageTransition');
    const { 'Reason.$': format, ...parameters } = task?.Parameters ?? {};
    expect(parameters).toEqual({ PipelineName: 'shop', StageName: 'eu-west-1', TransitionType: 'Inbound' });
    const [, words] = /^States\.Format\('(.*)', \$\.detail\.reason\)$/.exec(format ?? '') ?? [];
    const reasons: readonly PauseRequest['reason'][] = ['critical-stalled', 'exposure-burn'];
    for (const reason of reasons) expect(words?.replace('{}', reason)).toMatch(REASON);
  });

  it('may do that, and nothing else', () => {
    expect(statements.map(({ Action }) => Action).toSorted()).toEqual([
      'codepipeline:disableStageTransition',
      'states:StartExecution',
    ]);
    for (const { Action, Resource } of statements) {
      if (Action === 'states:StartExecution') expect(Resource).toEqual({ Ref: machineId });
      else expect(textOf(Resource)).toMatch(/^arn:aws:codepipeline:us-east-1:\d+:shop\/eu-west-1$/);
    }
  });
});
