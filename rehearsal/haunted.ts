/** Whether something happens before a call has its effect, or after, so that its answer comes late or never. */
export const MOMENTS = ['before', 'after'] as const;
export type Moment = (typeof MOMENTS)[number];

/** What happens at a call of a port, named `<port>.<method>`. What it throws the caller gets. */
export type AtCall = (call: string, moment: Moment, given: readonly unknown[]) => Promise<void>;

/**
 * A port at whose calls something happens.
 * @param streams Its methods that give one thing after the other.
 */
export function haunted<T extends object>(
  port: T,
  name: string,
  at: AtCall,
  streams: readonly string[] = [],
): T {
  return new Proxy(port, {
    get: (target, method) => {
      const made: unknown = Reflect.get(target, method, target);
      if (typeof made !== 'function' || typeof method === 'symbol') return made;
      const call = `${name}.${method}`;
      const isStream = streams.includes(method);
      return (...given: unknown[]) => {
        const act = () => Reflect.apply(made, target, given);
        const happen = (moment: Moment) => at(call, moment, given);
        return isStream ? streamed(happen, act) : answered(happen, act);
      };
    },
  });
}

/** A port of which somebody hears each call before it is made; what he gives back hears how it ended. */
export function heard<T extends object>(
  port: T,
  onCall: (method: string, given: readonly unknown[]) => undefined | ((isDone: boolean) => void),
): T {
  return new Proxy(port, {
    get: (target, method) => {
      const made: unknown = Reflect.get(target, method, target);
      if (typeof made !== 'function') return made;
      return (...given: unknown[]) => {
        const onEnd = onCall(String(method), given);
        const answer: unknown = Reflect.apply(made, target, given);
        if (onEnd && answer instanceof Promise)
          answer.then(
            () => onEnd(true),
            () => onEnd(false),
          );
        return answer;
      };
    },
  });
}

/** A port of which some methods do something else. */
export function instead<T extends object>(port: T, methods: Partial<T>): T {
  return new Proxy(port, {
    get: (target, name) => {
      const owner = name in methods ? methods : target;
      const made: unknown = Reflect.get(owner, name, owner);
      return typeof made === 'function' ? made.bind(owner) : made;
    },
  });
}

type Happen = (moment: Moment) => Promise<void>;

async function answered<T>(happen: Happen, act: () => Promise<T>): Promise<T> {
  await happen('before');
  const answer = await act();
  await happen('after');
  return answer;
}

async function* streamed<T>(happen: Happen, act: () => AsyncIterable<T>): AsyncGenerator<T> {
  await happen('before');
  yield* act();
  await happen('after');
}
