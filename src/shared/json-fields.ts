/**
 * Whether an object of a text in JSON has a field twice: some readers take the first, some the last (RFC 8259, section 4).
 * @param text What is JSON
 * @param value What `JSON.parse` made of it
 */
export const repeatsField = (text: string, value: unknown): boolean => fieldsIn(text) !== fieldsOf(value)

/** The fields of all its objects: each has a colon, and outside of texts nothing else has one. */
function fieldsIn(text: string): number {
  let count = 0
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|:/g)) if (token === ':') count++
  return count
}

function fieldsOf(value: unknown): number {
  let count = 0
  const left = [value]
  while (left.length > 0) {
    const one = left.pop()
    if (typeof one !== 'object' || one === null) continue
    const inner: unknown[] = Object.values(one)
    if (!Array.isArray(one)) count += inner.length
    for (const each of inner) left.push(each)
  }
  return count
}
