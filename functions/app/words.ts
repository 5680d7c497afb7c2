export { ALL_REPLICA_WORDS, listed, phraseOf, plural, sentenceOf, wordOf } from '../core/words.ts';
