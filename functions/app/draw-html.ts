/** Markup, in which texts from outside are escaped: only {@link html} makes it. */
class Markup {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

export type { Markup };

/** Of the heading of a part: 3 if it stands beneath one of level 2. */
export type HeadingLevel = 2 | 3;

/** What may stand in a template: markup as it is, texts and numbers escaped; of a list all, of `undefined` and `false` nothing. */
export type Content = Markup | string | number | undefined | false | readonly Content[];

/**
 * Makes markup. This is the one place where texts are escaped, and it escapes all that is not markup itself: no drawing code can forget
 * it, or do it twice. Attributes must be in double quotes.
 */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  const written = contents.map((content, position) => writtenAs(content) + parts[position + 1]);
  return new Markup([parts[0], ...written].join(''));
}

function writtenAs(content: Content): string {
  if (content instanceof Markup) return content.toString();
  if (content === undefined || content === false) return '';
  if (typeof content === 'string') return escaped(content);
  return typeof content === 'number' ? String(content) : content.map(writtenAs).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Control characters, marks that change the direction of what follows, and characters that nobody sees. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

function escaped(text: string): string {
  return text.replace(UNSEEN, codeOf).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** Shown by its number, so that two names that differ in it alone do not look the same. */
function codeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return `[U+${code.toString(16).toUpperCase().padStart(4, '0')}]`;
}
