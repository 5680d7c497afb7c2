/**
 * Version of this release, as the package has it. Stacks say it in their output `Release`, functions in {@link RELEASE_VARIABLE}, items of
 * the ledger in `release`, `status` and the command line in their answers, so that they can be compared.
 */
export const RELEASE = '0.1.0';

/**
 * The environment variable in which a deployed function says its release, for whoever lists functions. It is not validated, and nothing
 * goes by it: CloudFormation replaces code and environment one after the other, and a process that begins in between must work.
 */
export const RELEASE_VARIABLE = 'RECOHERE_RELEASE';
