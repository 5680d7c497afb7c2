const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** Holds environment values so that no log line, error or JSON document can print them by accident. */
export class Sealed<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value itself. Only fingerprinting has a reason to call it. */
  reveal(): T {
    return this.#value;
  }

  toJSON(): string {
    return '[sealed]';
  }

  [INSPECT](): string {
    return '[sealed]';
  }
}
