export interface InitFlags {
  regions?: readonly string[];
}
export async function init(_: InitFlags): Promise<0> {
  return 0;
}
