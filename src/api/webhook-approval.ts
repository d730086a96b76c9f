import { needCurrent } from '../access/current-rules.ts'
import { referToPeople, type AccessRequest } from '../access/request.ts'
import { auditedTargets, targetNames } from '../access/requested-targets.ts'
import { describeState, expire, type Automatic } from '../access/review.ts'
import type { Login } from '../identity/login.ts'
import type { ApprovalWebhook, WebhookAnswer } from '../notify/approval-webhook.ts'
import { decideAccess } from '../policy/decide.ts'
import { PamError } from '../shared/errors.ts'
import { appendAudit } from '../storage/audit.ts'
import type { Tx } from '../storage/database.ts'
import { findRequests, saveRequest } from '../storage/requests.ts'
import { recordAutomatic, verdictNow } from './auto-approve.ts'
import { refuseLockedReview } from './decide-review.ts'
import type { ApiDeps } from './deps.ts'
import { provenLogin } from './proven-login.ts'

type Deps = Pick<ApiDeps, 'db' | 'clock' | 'settings' | 'changes' | 'logger' | 'approvalQuestions'>
/**
 * Asks the webhook that a request names, and does what its answer comes to. Whatever goes wrong, people decide, and the audit chain says why. Never
 * throws: nobody waits for it.
 * @param login The sign-in that filed the request
 */
export async function settleByWebhook(request: AccessRequest, login: Pick<Login, 'id'>, deps: Deps): Promise<void> {
  const { id, asking } = request
  if (asking === undefined) return
  try {
    const hook = deps.settings().approvalWebhooks.find(({ name }) => name === asking.webhook)
    const answer = hook && (await deps.approvalQuestions.ask(hook, request))
    await deps.db.change((tx) => settleIn(tx, { id, hook, answer, login }, deps))
  } catch (error) {
    // The gateway is stopping, or cannot write: the next start says that people decide.
    deps.logger.error({ request: id, cause: error }, 'approval.not_settled')
  }
  deps.changes.changed(id)
}

interface Answered {
  readonly id: string
  readonly hook: ApprovalWebhook | undefined
  readonly answer: WebhookAnswer | undefined
  readonly login: Pick<Login, 'id'>
}

/** What the answer comes to, with everything as it is now: people may have decided, and rules, locks and sign-ins may have changed. */
async function settleIn(tx: Tx, { id, hook, answer, login }: Answered, deps: Deps): Promise<void> {
  const now = deps.clock.now()
  const stored = (await findRequests(tx, id)).find((one) => one.id === id)
  if (stored?.asking === undefined) return
  const { webhook } = stored.asking
  const { asking: _asked, ...rest } = expire(stored, now)
  const request = { ...rest, asked: webhook }
  const data = { ...auditedTargets(request), webhook }
  if (request.state !== 'pending') {
    if (answer?.type === 'approve')
      await appendAudit(tx, now, {
        type: 'request.answer_ignored',
        actor: 'gateway',
        subject: id,
        data: { ...data, why: describeState(request), comment: answer.comment },
      })
    return
  }
  const refer = async (why: string): Promise<void> => {
    await saveRequest(tx, referToPeople({ ...request, asking: stored.asking }, why))
    await appendAudit(tx, now, { type: 'request.referred', actor: 'gateway', subject: id, data: { ...data, why } })
  }
  if (hook === undefined || answer === undefined) return refer('it is not configured')
  if (answer.type === 'none') return refer(answer.why)
  if (answer.type === 'people')
    return refer(`it leaves the decision to people${answer.comment === '' ? '' : `: ${answer.comment}`}`)
  const automatic = await allowedNow(tx, request, { hook, login, now }, deps)
  if (typeof automatic === 'string') return refer(automatic)
  await recordAutomatic(tx, request, automatic, { now, comment: answer.comment })
}

/** What approves it now, or why people decide. */
async function allowedNow(
  tx: Tx,
  request: AccessRequest,
  { hook, login, now }: Pick<Answered, 'login'> & { readonly hook: ApprovalWebhook; readonly now: number },
  deps: Pick<Deps, 'settings'>,
): Promise<Automatic | string> {
  const { policy, targets, approvalWebhooks } = deps.settings()
  const isSame = ({ name, url, answerSecret }: ApprovalWebhook): boolean =>
    name === hook.name && url === hook.url && answerSecret() === hook.answerSecret()
  try {
    if (!approvalWebhooks.some(isSame)) return 'the webhook was changed in the configuration meanwhile'
    const { person } = await provenLogin(tx, login.id, now)
    await refuseLockedReview(tx, now, request, deps)
    needCurrent(request, request.length, { policy, targets, requester: [person] })
    const rules = targetNames(request).flatMap((name) => {
      const target = targets.find((one) => one.name === name)
      return (target && decideAccess(policy, person, target)) ?? []
    })
    const verdict = await verdictNow(tx, request, rules, now)
    if (verdict.type === 'ask' && verdict.automatic.webhook === hook.name) return verdict.automatic
    return verdict.type === 'people' ? verdict.why : 'the rules have changed meanwhile'
  } catch (error) {
    if (error instanceof PamError) return error.message
    throw error
  }
}
