import { hideInText, type KindSearch } from '../../../masking/hidden-text.ts'
import { PamError } from '../../../shared/errors.ts'
import type { Work } from '../../../shared/slices.ts'
import type { FieldPlaces } from './field-places.ts'
import { JsonMasker } from './json-masker.ts'
import { masking, type AnswerMasker } from './masker.ts'
import { TextMasker } from './text-masker.ts'

/** A text that says nothing of its type: masked as JSON where it is JSON, as a text otherwise. `root`: what pointers say of it. */
export function* maskMessage(text: string, search: KindSearch, root: FieldPlaces | undefined): Work<string> {
  if (text.trim() === '') return text
  const masked = yield* maskedJson(text, search, root)
  if (masked !== undefined) return masked
  // A pointer leads to something in it that nobody can find.
  if (root !== undefined) return HIDDEN
  if (text.length > MAX_WHOLE) return yield* maskedBy(new TextMasker(search), text)
  const shown = hideInText(text, search)
  return shown === undefined ? text : (shown ?? HIDDEN)
}

function* maskedJson(text: string, search: KindSearch, root: FieldPlaces | undefined): Work<string | undefined> {
  try {
    return yield* maskedBy(new JsonMasker(search, root), text)
  } catch (error) {
    if (error instanceof PamError) return undefined
    throw error
  }
}

function* maskedBy(masker: AnswerMasker, text: string): Work<string> {
  const shown = yield* masking(masker, Buffer.from(text))
  return Buffer.concat([shown, masker.end()]).toString()
}

/** In place of a text in which a value is spelled with escapes. */
const HIDDEN = '****'
/** Of a text that is looked at as a whole; a longer one is read as an answer in plain text is. */
const MAX_WHOLE = 16 * 1024
