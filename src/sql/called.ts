/** What a column of a result is called. */
export interface Called {
  /** Undefined where that is not certain. */
  readonly name: string | undefined
  /** Where it is not certain, the only plain word that it may be: empty for none. */
  readonly word?: string
}

/** Whether a column may be what is meant by this name. */
export const mayBeCalled = ({ name, word }: Called, meant: string): boolean =>
  name === meant || (name === undefined && (word === undefined || word === meant || !isPlainWord(meant)))

/** As a name may be written without quotes; a text with other characters is no such word, whatever else the server makes of it. */
export const isPlainWord = (name: string): boolean => /^[a-z_][a-z0-9_$]*$/i.test(name)
