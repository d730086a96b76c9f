import { tokensOf } from './mutate.ts'

/** The shortest text of which `stillHolds`, as far as leaving things out leads; it is asked `most` times at most. */
export async function shrink(
  text: string,
  stillHolds: (text: string) => Promise<boolean>,
  most: number,
): Promise<string> {
  let asked = 0
  let best = text
  const without = async (pieces: readonly string[]): Promise<boolean> => {
    let left = pieces
    let hasShrunk = false
    for (let size = Math.ceil(left.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = 0; at < left.length && asked < most;) {
        const fewer = [...left.slice(0, at), ...left.slice(at + size)]
        const shorter = fewer.join('')
        asked++
        if (shorter.length < best.length && (await stillHolds(shorter))) {
          left = fewer
          best = shorter
          hasShrunk = true
        } else at += size
      }
    }
    return hasShrunk
  }
  while (asked < most && (await without(tokensOf(best))));
  await without([...best])
  return best
}
