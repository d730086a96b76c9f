/** Where a kind of data stands in a text: UTF-16 offsets, end exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
}

export interface Detector {
  /** Spans in order, not overlapping. Takes time linear in the length of the text. */
  find(text: string): Span[]
  /** What to show of the value with style `partial`. */
  partial(value: string): string
}
