import * as z from 'zod/mini';

/** The first and the last date of JavaScript are so far from the epoch. @see https://tc39.es/ecma262/#sec-time-values-and-time-range */
const DATE_MAX_MS = 8.64e15;

/** A time, in epoch milliseconds, of which a date can be made. */
export const time = z.number().check(z.minimum(-DATE_MAX_MS), z.maximum(DATE_MAX_MS));
