import { isProtocolName, type ProtocolName } from '../protocols/names.ts'
import { PamError } from '../shared/errors.ts'
import type { Target } from '../api/schemas/access.ts'

/** What a target speaks; FEATURE_REFUSED where only a newer command line knows it. */
export function knownType({ type, name }: Pick<Target, 'type' | 'name'>): ProtocolName {
  if (isProtocolName(type)) return type
  throw new PamError('FEATURE_REFUSED', `this pamctl does not know targets of type ${type}, such as ${name}`, {
    hint: 'update pamctl',
  })
}
