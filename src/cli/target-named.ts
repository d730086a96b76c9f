import type { Target } from '../api/schemas/access.ts'
import { PamError } from '../shared/errors.ts'
import { didYouMean } from '../shared/nearest-word.ts'
import { visible } from '../shared/visible.ts'

/** The target of that name; TARGET_UNKNOWN with the one that was probably meant. `kind`: what the targets are, where not all are listed. */
export function targetNamed(targets: readonly Target[], name: string, kind = 'target'): Target {
  const target = targets.find((candidate) => candidate.name === name)
  if (target !== undefined) return target
  const meant = didYouMean(
    name,
    targets.map((candidate) => candidate.name),
  )
  throw new PamError('TARGET_UNKNOWN', visible(`no ${kind} named "${name}" is visible to you${meant}`), {
    hint: '"pamctl targets" lists yours',
  })
}
