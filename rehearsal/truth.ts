import type { PlaceId } from '../functions/core/place.ts';

/** What one place had from a time on, in words that are equal if it is the same; `undefined`: nothing. */
interface Since {
  readonly from: number;
  readonly content: string | undefined;
}

/** How somebody looks at contents: what does not count for him is left out. */
export type View = (content: string) => string;

/** All of it counts. */
export const WHOLE: View = (content) => content;

/** What copies of subjects really were, and when: what no observer can know, and what all that is said is held against. */
export class Truth {
  readonly #history = new Map<string, Map<PlaceId, Since[]>>();

  /** From now on, a place has this. @param now Never before what was noted last. */
  note(subject: string, place: PlaceId, content: string | undefined, now: number): void {
    const places = this.#history.get(subject) ?? new Map<PlaceId, Since[]>();
    this.#history.set(subject, places);
    const own = places.get(place) ?? [];
    places.set(place, own);
    if (own.length === 0 || own.at(-1)?.content !== content) own.push({ from: now, content });
  }

  /** Grows whenever what a place has is another. */
  revision(subject: string, place: PlaceId): number {
    return this.#history.get(subject)?.get(place)?.length ?? 0;
  }

  get subjects(): readonly string[] {
    return [...this.#history.keys()];
  }

  /** All that a place had at some moment of a time. */
  during(subject: string, place: PlaceId, from: number, to: number, view: View = WHOLE): ReadonlySet<string> {
    return new Set(this.#spans(subject, place, from, to).map(({ content }) => viewed(content, view)));
  }

  /** Whether no place had anything else in all that time than in its beginning. */
  isUnmoved(subject: string, places: readonly PlaceId[], from: number, to: number, view?: View): boolean {
    return places.every((place) => this.during(subject, place, from, to, view).size === 1);
  }

  /** What all places had, each at some moment of a time: an observer who sees one after the other may take it for agreement. */
  common(
    subject: string,
    places: readonly PlaceId[],
    from: number,
    to: number,
    view?: View,
  ): readonly string[] {
    const [first, ...others] = places.map((place) => this.during(subject, place, from, to, view));
    return [...(first ?? [])].filter((content) => others.every((other) => other.has(content)));
  }

  /** When the last place came to what all had in common, up to a time. */
  reachedAt(
    subject: string,
    places: readonly PlaceId[],
    content: string,
    to: number,
    view: View = WHOLE,
  ): number {
    const reached = places.map((place) => {
      const spans = this.#history.get(subject)?.get(place) ?? [];
      let at = Number.NEGATIVE_INFINITY;
      let had: string | undefined;
      for (const span of spans) {
        if (span.from > to) break;
        const has = viewed(span.content, view);
        if (has === content && had !== content) at = span.from;
        had = has;
      }
      return at;
    });
    return Math.max(...reached);
  }

  /** When something last moved, until a time. */
  movedAt(subject: string, places: readonly PlaceId[], until: number, view?: View): number {
    const moves = this.moves(subject, places, view).filter(({ at }) => at <= until);
    return Math.max(0, ...moves.map(({ at }) => at));
  }

  /** When places came to have something else, or nothing; whether there was something before and after, and whether it was new there. */
  moves(
    subject: string,
    places: readonly PlaceId[],
    view: View = WHOLE,
  ): readonly { readonly at: number; readonly isOfTwo: boolean; readonly isNew: boolean }[] {
    return places.flatMap((place) => {
      let had: string | undefined;
      const all = new Set<string>();
      return (this.#history.get(subject)?.get(place) ?? []).flatMap(({ from, content }) => {
        const has = viewed(content, view);
        const before = had;
        had = has;
        const isOfTwo = before !== undefined && before !== ABSENT && has !== ABSENT;
        const isNew = !all.has(has);
        all.add(has);
        return has === before ? [] : [{ at: from, isOfTwo, isNew }];
      });
    });
  }

  /** What each place has, at a time. */
  at(subject: string, places: readonly PlaceId[], time: number, view?: View): readonly string[] {
    return places.flatMap((place) => [...this.during(subject, place, time, time, view)]);
  }

  #spans(subject: string, place: PlaceId, from: number, to: number): readonly Since[] {
    const spans = this.#history.get(subject)?.get(place) ?? [];
    const shown = spans.filter((span, position) => {
      const next = spans[position + 1];
      return span.from <= to && (next === undefined || next.from >= from);
    });
    return shown.length > 0 ? shown : [{ from, content: undefined }];
  }
}

/** What stands for nothing. */
export const ABSENT = 'absent';

function viewed(content: string | undefined, view: View): string {
  return content === undefined ? ABSENT : view(content);
}
