import { isUtf8 } from 'node:buffer'
import { fullWidthDigits } from './full-width-digits.ts'
import { hideInText, type KindSearch } from './hidden-text.ts'

/**
 * Whether bytes that are not UTF-8 hold a value as text of another encoding that servers store: those of East Asia, in which digits and signs of full width
 * have two bytes, and UTF-16. Those of one byte for each character have blanks and dashes where Latin-1 does, or close by.
 */
export function isHiddenElsewhere(bytes: Uint8Array, search: KindSearch): boolean {
  const isText = isUtf8(bytes)
  if (isText && !bytes.includes(0)) return false
  const decoders = isText ? WIDE : [...WIDE, ...EAST_ASIAN]
  return (
    decoders.some((decoder) => hideInText(decoder.decode(bytes), search) !== undefined) ||
    (!isText && fullWidthDigits(bytes).some((digits) => hideInText(digits, search) !== undefined))
  )
}

const decoderOf = (label: string) => new TextDecoder(label)
const WIDE = ['utf-16le', 'utf-16be'].map(decoderOf)
const EAST_ASIAN = ['gb18030', 'big5', 'euc-kr', 'euc-jp', 'shift_jis'].map(decoderOf)
