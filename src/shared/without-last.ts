/**
 * A text without the characters of one kind at its end. By hand: an expression such as `/ +$/` looks for the end from each of them anew, and takes seconds
 * over a hundred thousand that something follows.
 */
export function withoutLast(text: string, character: string): string {
  let end = text.length
  while (end > 0 && text[end - 1] === character) end--
  return text.slice(0, end)
}
