import { PamError } from '../../../shared/errors.ts'
import { setsMaskedOfImmutable } from '../masking/write-guard.ts'
import { isObject } from '../request/json-value.ts'
import { draftOf } from './command-draft.ts'
import type { ConnectionParts } from './connection-parts.ts'
import { lookUp } from './look-up-place.ts'
import type { KubernetesCommand } from './read-command.ts'

/**
 * A request that sets masked fields of a Secret or ConfigMap is refused where that is immutable, or cannot be looked up: only a write of the
 * very value would succeed, which tells a guess that is right from others and destroys nothing. What is immutable stays so.
 */
export async function withImmutability(
  command: KubernetesCommand,
  parts: Pick<ConnectionParts, 'session' | 'upstream'>,
  signal: AbortSignal,
): Promise<KubernetesCommand> {
  const { request, body, refusal } = command
  const { session } = parts
  if (refusal !== undefined || request === undefined || !setsMaskedOfImmutable(request, body, session.masking))
    return command
  if (session.denies(draftOf(command, session))) return command
  const { status, body: object } = await lookUp(request.path, parts, signal)
  if (status === 404 || (status === 200 && isMutable(object))) return command
  return { ...command, refusal: new PamError('MASKING_REFUSED', GUESS) }
}

function isMutable(object: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(object.toString('utf8'))
    return isObject(value) && (value['immutable'] === undefined || value['immutable'] === false)
  } catch {
    return false
  }
}

const GUESS =
  'it sets masked fields of an object that is immutable, or could not be looked up, which would reveal their values'
