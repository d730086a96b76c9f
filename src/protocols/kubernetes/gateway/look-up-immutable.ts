import { PamError } from '../../../shared/errors.ts'
import { fixedWhere } from '../masking/write-guard.ts'
import { fullName } from '../request/resources.ts'
import { isObject } from '../request/json-value.ts'
import { draftOf } from './command-draft.ts'
import type { ConnectionParts } from './connection-parts.ts'
import { lookUp } from './look-up-place.ts'
import type { KubernetesCommand } from './read-command.ts'

/**
 * A request that sets masked fields of a Secret or ConfigMap is refused where that is immutable, or cannot be looked up: only a write of the
 * very value would succeed, which tells a guess that is right from others and destroys nothing. What is immutable stays so. The same goes for a
 * custom resource whose definition has transition rules; one without a definition is served by somebody whose rules nobody can look up.
 */
export async function withImmutability(
  command: KubernetesCommand,
  parts: Pick<ConnectionParts, 'session' | 'upstream'>,
  signal: AbortSignal,
): Promise<KubernetesCommand> {
  const { request, body, refusal } = command
  const { session } = parts
  if (refusal !== undefined || request === undefined) return command
  const where = fixedWhere(request, body, session.masking)
  if (where === undefined || session.denies(draftOf(command, session))) return command
  if (where === 'definition') {
    const { status, body: definition } = await lookUp(
      `${DEFINITIONS}/${fullName(request.resource, request.group)}`,
      parts,
      signal,
    )
    if (status === 200 && !hasTransitionRules(definition)) return command
  } else {
    const { status, body: object } = await lookUp(request.path, parts, signal)
    if (status === 404 || (status === 200 && isMutable(object))) return command
  }
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

/** A rule that compares with the value before names it so (CustomResourceDefinition v1, `x-kubernetes-validations`). */
const hasTransitionRules = (definition: Buffer): boolean => definition.includes('oldSelf')

const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const GUESS =
  'it sets masked fields that may be immutable, or whose object or definition could not be looked up, which would reveal their values'
