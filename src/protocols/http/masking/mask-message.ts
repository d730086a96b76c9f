import { hideInText, type KindSearch } from '../../../masking/hidden-text.ts'
import { PamError } from '../../../shared/errors.ts'
import type { FieldPlaces } from './field-places.ts'
import { JsonMasker } from './json-masker.ts'
import type { AnswerMasker } from './masker.ts'
import { TextMasker } from './text-masker.ts'

/** A text that says nothing of its type: masked as JSON where it is JSON, as a text otherwise. `root`: what pointers say of it. */
export function maskMessage(text: string, search: KindSearch, root: FieldPlaces | undefined): string {
  if (text.trim() === '') return text
  const masked = maskedJson(text, search, root)
  if (masked !== undefined) return masked
  // A pointer leads to something in it that nobody can find.
  if (root !== undefined) return HIDDEN
  if (text.length > MAX_WHOLE) return maskedBy(new TextMasker(search), text)
  const shown = hideInText(text, search)
  return shown === undefined ? text : (shown ?? HIDDEN)
}

function maskedJson(text: string, search: KindSearch, root: FieldPlaces | undefined): string | undefined {
  try {
    return maskedBy(new JsonMasker(search, root), text)
  } catch (error) {
    if (error instanceof PamError) return undefined
    throw error
  }
}

const maskedBy = (masker: AnswerMasker, text: string): string =>
  Buffer.concat([masker.mask(Buffer.from(text)), masker.end()]).toString()

/** In place of a text in which a value is spelled with escapes. */
const HIDDEN = '****'
/** Of a text that is looked at as a whole; a longer one is read as an answer in plain text is. */
const MAX_WHOLE = 16 * 1024
