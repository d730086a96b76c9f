import type { Approval } from '../../access/approval.ts'
import type { AccessRequest } from '../../access/request.ts'
import { describeRules, describeTargets } from '../../access/requested-targets.ts'
import { describeState } from '../../access/review.ts'
import { formatDuration } from '../../shared/duration.ts'
import { pieces, visible, visibleInLine } from '../../shared/visible.ts'

/** What a review's message shows, and whether it can be approved in it. */
export interface SlackMessage {
  readonly text: string
  readonly blocks: readonly unknown[]
}

/** The value of a button: what is decided, and the digest of what was shown. */
export interface ButtonValue {
  readonly id: string
  readonly verdict: 'approve' | 'deny'
  readonly digest?: string
}

/**
 * A message with buttons (docs.slack.dev/block-kit). It can be approved in it only where all of it is shown in it, exactly: else there is a link to
 * where it is. What others wrote is plain text, in one line each and within Slack's limits: it looks like nothing of ours, and no message is refused
 * for it.
 */
export function reviewMessage(
  review: AccessRequest | Approval,
  { showStatements, exact, url }: { showStatements: boolean; exact: string | undefined; url: string },
): SlackMessage {
  const isCommand = 'sessionId' in review
  const who = visibleInLine(review.requester.label)
  const title = `${who} ${isCommand ? 'wants to run this on' : 'asks for'} ${describeTargets(review)}`
  const shownWhole = isCommand && showStatements && canBeShown(review, exact)
  const needsPasskey = review.approvers.stepUp === 'passkey'
  const facts = isCommand
    ? [
        ['Effect', showStatements ? review.effect : ''],
        ['Held by', review.rule],
      ]
    : [
        ['Reason', review.reason.replaceAll(/\s+/g, ' ')],
        ['For', formatDuration(review.length)],
        ['From', review.startsAt === undefined ? '' : new Date(review.startsAt).toISOString()],
        ['Added to', review.extends?.grant ?? ''],
        ['Rule', describeRules(review)],
      ]
  const lines = facts.flatMap(([name = '', value = '']) => (value === '' ? [] : [`${name}: ${visibleInLine(value)}`]))
  const heading = escape(title)
  const isWhole = [heading, ...lines].every((line) => line.length <= MAX_LINE_LENGTH)
  const mayApprove = isWhole && (shownWhole || !isCommand) && !needsPasskey
  const blocks: unknown[] = [
    section(
      `*${cut(heading, MAX_LINE_LENGTH)}*\n${cut(review.approvers.groups.map(escape).join(' or '), MAX_GROUPS_LENGTH)}`,
    ),
    ...(shownWhole ? [preformatted(review.text)] : []),
    ...lines.map((line) => ({ type: 'section', text: plain(cut(line, MAX_LINE_LENGTH)) })),
  ]
  if (review.state === 'pending') {
    blocks.push({
      type: 'actions',
      elements: [
        ...(mayApprove ? [button('Approve', 'approve', review)] : []),
        button('Deny', 'deny', review),
        { type: 'button', action_id: 'pam_open', text: plain('Open the dashboard'), url },
      ],
    })
    if (needsPasskey) blocks.push(context('Approving needs a passkey: it is done in the dashboard.'))
    else if (!mayApprove)
      blocks.push(context('Approving needs the whole text: it is shown in the dashboard and by pamctl.'))
  } else blocks.push(context(`${describeState(review)} · ${review.id}`))
  return { text: escape(title), blocks }
}

/** A sentence, with nothing to press. */
export const plainMessage = (sentence: string): SlackMessage => {
  const text = visible(sentence)
  return { text: escape(text), blocks: [{ type: 'section', text: plain(text.slice(0, 2900)) }] }
}

/**
 * Whether a chat can show it as it is: short, with nothing in it that deceives the eye, without parameters, and with no
 * secret, which would not be in what is kept.
 */
export function canBeShown(review: Approval, exact: string | undefined): boolean {
  return (
    exact === review.text &&
    review.text.length <= MAX_TEXT_LENGTH &&
    review.text.split('\n').length <= MAX_LINES &&
    review.parameters.length === 0 &&
    pieces(review.text).every(({ kind }) => kind === 'text')
  )
}

const section = (text: string) => ({ type: 'section', text: { type: 'mrkdwn', text, verbatim: true } })
const plain = (text: string) => ({ type: 'plain_text', text, emoji: false })
const context = (text: string) => ({ type: 'context', elements: [plain(text.slice(0, 1900))] })
/** Text as it is: nothing in it is markup. */
const preformatted = (text: string) => ({
  type: 'rich_text',
  elements: [{ type: 'rich_text_preformatted', elements: [{ type: 'text', text }] }],
})

const button = (label: string, verdict: 'approve' | 'deny', review: AccessRequest | Approval) => ({
  type: 'button',
  action_id: `pam_${verdict}`,
  style: verdict === 'approve' ? 'primary' : 'danger',
  text: plain(label),
  value: JSON.stringify({
    id: review.id,
    verdict,
    ...('sessionId' in review ? { digest: review.digest } : {}),
  } satisfies ButtonValue),
  // The second step.
  confirm: {
    title: plain(`${label}?`),
    text: plain(cut(`${visibleInLine(review.requester.label)} on ${describeTargets(review)}`, MAX_CONFIRM_LENGTH)),
    confirm: plain(label),
    deny: plain('Back'),
  },
})

/** Slack's own markup (docs.slack.dev/messaging/formatting-message-text, "Escaping text"). */
const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** What is left out is seen to be. */
const cut = (text: string, length: number): string => (text.length <= length ? text : `${text.slice(0, length - 1)}…`)

/** Of a section, which takes 3,000 (docs.slack.dev/reference/block-kit/blocks/section-block), with what is around it. */
const MAX_LINE_LENGTH = 2500
const MAX_GROUPS_LENGTH = 400
/** Of the text of a confirmation (docs.slack.dev/reference/block-kit/composition-objects/confirmation-dialog-object). */
const MAX_CONFIRM_LENGTH = 300
const MAX_TEXT_LENGTH = 2500
const MAX_LINES = 40
