declare module 'dynalite' {
  import type { Server } from 'node:http';

  interface Options {
    readonly createTableMs?: number;
    readonly updateTableMs?: number;
    readonly deleteTableMs?: number;
  }

  /** A server that keeps its tables in memory. */
  function dynalite(options: Options): Server;
  export = dynalite;
}
