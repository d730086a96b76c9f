import type { Target } from '../../api/schemas/access.ts'
import type { OpenQuery } from '../../protocols/client-half.ts'
import { clientHalves } from '../../protocols/client.ts'
import { wordsOf } from '../../protocols/names.ts'
import { UsageError } from '../../shared/errors.ts'
import { knownType } from '../known-type.ts'

/** How statements reach a target; an error for one that has none. */
export function openQueryOf({ name, type }: Pick<Target, 'name' | 'type'>, verb = 'pamctl query'): OpenQuery {
  const known = knownType({ name, type })
  const { openQuery } = clientHalves[known]
  if (openQuery !== undefined) return openQuery
  const { article, label } = wordsOf(known)
  throw new UsageError(
    `${name} is ${article} ${label} target, and ${verb} is for databases`,
    type === 'ssh'
      ? `pamctl exec ${name} -- COMMAND`
      : type === 'kubernetes'
        ? `pamctl exec ${name} --pod POD -- COMMAND`
        : `pamctl connect ${name}`,
  )
}
