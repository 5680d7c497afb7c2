/** A CloudFormation stack that is there. */
export interface Stack {
  /** Whether it says in its description that Recohere has made it, and its template is JSON, as the CDK writes it. */
  readonly isOurs: boolean;
  /** As CloudFormation says it, such as `UPDATE_COMPLETE`. */
  readonly status: string;
  /** Whether its owner has forbidden its deletion. */
  readonly isProtected: boolean;
  /**
   * What `HubAccount` says, a parameter of the stack of a region and an output of that of data. `undefined` if the parameter is empty, for
   * its own account, or if there is neither.
   */
  readonly hubAccount: string | undefined;
  /** Empty too if it is not ours, or has never been deployed. */
  readonly resources: readonly StackResource[];
}

export interface StackResource {
  /** As CloudFormation says it, such as `AWS::SQS::Queue`. */
  readonly type: string;
  /** Its physical id: a name or an ARN. */
  readonly name: string;
  /** Whether it stays when its stack goes. */
  readonly isRetained: boolean;
}

/** How far the deletion of a stack is. */
export interface StackDeletion {
  readonly status: string;
  /** What CloudFormation says of what it could not delete, its own words, unescaped. Empty unless the deletion has failed. */
  readonly reasons: readonly string[];
}

/**
 * Stacks of the caller's own account, by region and name.
 * @throws RefusedError from every method, if AWS or the way to it refuses
 */
export interface Stacks {
  /** Account of the caller's credentials. */
  account(region: string): Promise<string>;
  /** `undefined` if there is no such stack, which takes one call. Else some more, a page of resources each. */
  read(region: string, name: string): Promise<Stack | undefined>;
  /** Name of the stack that has made a resource, by its physical id; `undefined` if none has. */
  ownerOf(region: string, resource: string): Promise<string | undefined>;
  /**
   * Begins to delete a stack. Harmless if it is gone, or going.
   * @returns Why CloudFormation does not begin, in its own words, unescaped; `undefined` if it does.
   */
  remove(region: string, name: string): Promise<string | undefined>;
  /** `undefined` once the stack is gone. */
  deletion(region: string, name: string): Promise<StackDeletion | undefined>;
}
