import type { PamError } from '../../../shared/errors.ts'
import { visible } from '../../../shared/visible.ts'

/** An error as a client may have it. */
export const reasonFor = ({
  code,
  message,
  hint,
  id,
}: PamError): Pick<PamError, 'code' | 'message'> & {
  readonly hint: string | undefined
  readonly id: string | undefined
} => ({
  code,
  message: visible(message),
  hint: hint === undefined ? undefined : visible(hint),
  id,
})
