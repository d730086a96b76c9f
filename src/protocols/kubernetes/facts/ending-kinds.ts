import type { ApiRequest } from '../request/api-request.ts'
import type { Message } from '../request/messages.ts'
import { fullName } from '../request/resources.ts'

/** What an object, or a part of one, says that may end pods. */
interface EndingEffects {
  readonly evicts: boolean
  readonly lifetimes: ReadonlySet<string>
}

/**
 * What ends pods that run, or deletes what has finished, without a request of its own for it: a taint with the effect `NoExecute`, and
 * the fields that say how long pods and jobs last. In an object that is created, these fields end nothing that is there.
 */
export function endingKinds(
  { verb, group, resource }: ApiRequest,
  { evicts, lifetimes }: EndingEffects,
): ReadonlySet<'evict' | 'delete'> {
  const kinds = new Set<'evict' | 'delete'>(evicts ? ['evict'] : [])
  const ending = verb === 'create' ? undefined : ENDING[fullName(resource, group)]
  for (const field of lifetimes) {
    const kind = ending?.[field]
    if (kind !== undefined) kinds.add(kind)
  }
  return kinds
}

/** Of each resource, the fields that may be changed while it lasts (ValidatePodUpdate and ValidateJobSpecUpdate), and what that does. */
const ENDING: Readonly<Partial<Record<string, Readonly<Partial<Record<string, 'evict' | 'delete'>>>>>> = {
  pods: {
    'PodSpec.activeDeadlineSeconds': 'evict',
    'Toleration.tolerationSeconds': 'evict',
  },
  'jobs.batch': {
    'JobSpec.activeDeadlineSeconds': 'evict',
    'JobSpec.backoffLimit': 'evict',
    'JobSpec.ttlSecondsAfterFinished': 'delete',
  },
}

/** Fields that say how long pods and jobs last. */
export const LIFETIMES: ReadonlySet<string> = new Set(
  Object.values(ENDING).flatMap((fields) => Object.keys(fields ?? {})),
)

/** Of a node, or of devices: one with the effect `NoExecute` evicts the pods there that do not tolerate it. */
export const isTaint = ({ name }: Message): boolean => name === 'Taint' || name === 'DeviceTaint'

/** Where a patch leaves the effect out, the taint keeps the one that it has. */
export const mayEvict = ({ effect, $patch }: Readonly<Record<string, unknown>>): boolean =>
  $patch !== 'delete' && !(typeof effect === 'string' && HARMLESS_TAINTS.has(effect))

const HARMLESS_TAINTS = new Set(['NoSchedule', 'PreferNoSchedule', 'None'])
