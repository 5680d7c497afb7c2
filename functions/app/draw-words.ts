import prettyMilliseconds from 'pretty-ms';

/** `41s`, `17m 3s`, `3d 4h`; of clocks that went back, `0ms`. */
export function durationText(ms: number): string {
  return prettyMilliseconds(Math.max(0, ms), { unitCount: 2, secondsDecimalDigits: 0 });
}

/** `2026-11-21 14:02`, in UTC. */
export function momentText(at: number): string {
  return new Date(at).toISOString().slice(0, 16).replace('T', ' ');
}

/** `0.42 %`, `97.6 %`: cut off, so that what is not all never reads as 100 %, and what is not nothing never as 0 %. */
export function percentText(percent: number): string {
  if (percent > 0 && percent < 0.01) return '< 0.01 %';
  const digits = percent < 10 ? 2 : 1;
  return `${percent.toLocaleString('en-US', { maximumFractionDigits: digits, roundingMode: 'trunc' })} %`;
}

export function usdText(cost: number): string {
  if (cost > 0 && cost < 0.0001) return 'less than 0.0001 USD';
  return `${cost.toFixed(cost > 0 && cost < 1 ? 4 : 2)} USD`;
}

/** Characters of one sentence, or one name, that are drawn. */
export const LINE_LENGTH = 300;

/** A text of a length that a drawing, or a column, bears. */
export function clipped(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, Math.max(1, length - 1))}…`;
}

/** The first of many, and how many are left. */
export function firstOf<T>(
  all: readonly T[],
  most: number,
): { readonly shown: readonly T[]; readonly left: number } {
  return { shown: all.slice(0, most), left: Math.max(0, all.length - most) };
}

/** Replicas as heads of columns: those of one account are told apart by their regions alone. */
export function columnsOf(replicas: readonly string[]): readonly string[] {
  const accounts = new Set(replicas.map((replica) => replica.slice(0, replica.indexOf('/') + 1)));
  const [account = ''] = accounts;
  return accounts.size === 1 ? replicas.map((replica) => replica.slice(account.length)) : replicas;
}
