import { createHash } from 'node:crypto'
import type { CommandDraft, Session } from '../../../gateway/engine.ts'
import { isEmptyPlan } from '../../../masking/plan.ts'
import { commitmentMark, escapeMarks } from '../../../shared/commitment.ts'
import { PamError } from '../../../shared/errors.ts'
import { valueOf } from '../../http/wire/headers.ts'
import type { KubernetesTarget } from '../target.ts'
import type { KubernetesCommand } from './read-command.ts'
import { impersonatedUser } from './upstream-headers.ts'

/** What rules want hidden is not shown as it is. */
const maskingRefusal = ({ masking }: Pick<Session, 'masking'>): PamError | undefined =>
  isEmptyPlan(masking)
    ? undefined
    : new PamError(
        'FEATURE_REFUSED',
        'values are masked for you on this target, and answers of Kubernetes are not masked yet',
      )

/** A request as the session judges, records and holds it. */
export function draftOf(command: KubernetesCommand, session: Session<KubernetesTarget>): CommandDraft {
  const { head, bytes, facts, refusal } = command
  const { impersonate } = session.config
  const request = `${head.method} ${head.target}`
  const text =
    bytes.length === 0
      ? escapeMarks(request)
      : `${escapeMarks(request)}\n${commitmentMark(`body ${session.commitment(bytes.toString('latin1'))}`)}`
  const draft: CommandDraft = {
    text,
    parameters: [],
    facts,
    recorded: { text, parameters: [] },
    comparisons: [],
    notes: () => [],
    estimate: () => Promise.resolve(undefined),
    refusal: refusal ?? maskingRefusal(session),
    context: {
      body: createHash('sha256').update(bytes).digest('hex'),
      contentType: valueOf(head.headers, 'content-type') ?? '',
      impersonated: impersonate === undefined ? '' : impersonatedUser(session.person, impersonate),
    },
    inTransaction: false,
    again: () => Promise.resolve(draft),
  }
  return draft
}
