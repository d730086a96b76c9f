/**
 * Texts in bytes that come in pieces, whose characters have two or four bytes each (UTF-16 and UTF-32, in either order), as the tags of pictures and sound have
 * them (Exif `XPComment`, ID3v2). Those of ASCII alone: any two bytes are some character.
 */
export class WideTexts {
  /** What may go on. */
  #begun = ''

  /** The texts of at least 16 characters up to here, also those that began before. */
  look(chunk: Buffer): string[] {
    const bytes = this.#begun + chunk.toString('latin1')
    this.#begun = bytes.slice(beginOfEnd(bytes))
    return Array.from(bytes.matchAll(WIDE), ([text]) => text.replaceAll('\0', ''))
  }
}

/** From where on there is nothing but ASCII and NUL. */
function beginOfEnd(bytes: string): number {
  const least = Math.max(0, bytes.length - MAX_BEGUN)
  let at = bytes.length
  while (at > least && isPart(bytes.charCodeAt(at - 1))) at--
  return at
}

const isPart = (code: number): boolean => code === 0 || (code >= 0x20 && code < 0x7f)

// eslint-disable-next-line no-control-regex
const WIDE = /(?:[ -~]\0){16,}|(?:\0[ -~]){16,}|(?:[ -~]\0{3}){16,}|(?:\0{3}[ -~]){16,}/g
/** Four bytes for each character of the longest value. */
const MAX_BEGUN = 16 * 1024
