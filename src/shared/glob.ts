/** `*` for any characters; everything else as it stands. Linear: each part is looked for after the one before. */
export function matchesGlob(pattern: string, text: string): boolean {
  const parts = pattern.split('*')
  const [head = '', ...others] = parts
  const tail = others.at(-1)
  if (tail === undefined) return head === text
  if (text.length < head.length + tail.length || !text.startsWith(head) || !text.endsWith(tail)) return false
  let at = head.length
  const end = text.length - tail.length
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at)
    if (found < 0 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}
