/** Randomness comes in from outside, so that one seed repeats a whole simulation. */
export interface Random {
  bytes(length: number): Uint8Array;
}
