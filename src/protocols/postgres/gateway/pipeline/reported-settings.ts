import { bodyOf, type Frame } from '../../wire/framer.ts'
import { decodeMessage } from '../../wire/server-message.ts'
import { parameterStatusCodec } from '../../wire/session-start.ts'
import { PamError } from '../../../../shared/errors.ts'
import { PINNED } from '../login/upstream-login.ts'
import { isShielded } from './gateway-query.ts'
import type { Pending } from './pending.ts'
import { MAX_KEPT, type PipelineState } from './pipeline-state.ts'

/**
 * Takes a ParameterStatus, while the server answers `head`. Returns whether the client may see it; ends the session where something changed
 * what must stay.
 */
export function mayReport(frame: Frame, head: Pending | undefined, pipeline: PipelineState): boolean {
  const { name, value } = decodeMessage(parameterStatusCodec, bodyOf(frame), 'ParameterStatus')
  const refusal = refusalOf(name, value, pipeline)
  if (refusal !== undefined) {
    pipeline.session.end(new PamError('SETTING_REFUSED', refusal, { side: 'upstream' }))
    return false
  }
  // PostgreSQL 18 reports search_path: its value for a query of the gateway does not concern the client.
  if (head?.type === 'own' && isShielded(name)) return false
  return mayShow(name, value, pipeline)
}

/** Why the session cannot go on with this value of a setting. */
function refusalOf(name: string, value: string, { pinnedReports, session }: PipelineState): string | undefined {
  const pinned = Object.hasOwn(PINNED, name) ? PINNED[name] : undefined
  if (pinned !== undefined && pinned !== value)
    return `${name} became ${value}, in which the gateway does not parse statements`
  const kept = pinnedReports.get(name)
  if (kept !== undefined && kept !== value)
    return `${name} is pinned by the configuration of this target, but something changed it`
  // A function that is not read can move what no statement may; the transaction after this one would write. Reported since PostgreSQL 14.
  return name === 'default_transaction_read_only' && value !== 'on' && session.readOnly
    ? 'this session is read-only, and something made it read-write'
    : undefined
}

/** Once code that is not analysed has run, reports only values that the client was told before: the code may have set anything. */
function mayShow(name: string, value: string, { known: { masking }, reported, ranUnread }: PipelineState): boolean {
  if (masking.plan.columns.length === 0) return true
  const known = reported.get(name) ?? new Set<string>()
  reported.set(name, known)
  if (ranUnread) return known.has(value)
  if (known.size >= MAX_KEPT) known.clear()
  known.add(value)
  return true
}
