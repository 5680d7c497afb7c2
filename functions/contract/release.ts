/** Version of this release, as the package has it: functions, stacks and the command line say it, so that they can be compared. */
export const RELEASE = '0.1.0';
