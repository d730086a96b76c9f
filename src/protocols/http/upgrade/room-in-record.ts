/** A disk that does not keep up is felt by both sides of a stream: nothing piles up in front of it. */
export async function roomInRecord(recorder: {
  readonly isFull: boolean
  whenRoom(done: () => void): void
}): Promise<void> {
  if (recorder.isFull) await new Promise<void>((resolve) => recorder.whenRoom(resolve))
}
