import { isAroundTheClock } from '../../policy/schedule.ts'
import { didYouMean } from '../../shared/nearest-word.ts'
import type { Finding } from './finding.ts'
import type { ConfigFile } from './schema.ts'

/** What rules open that approve requests without a person. */
export function autoApprovalFindings({ access, requests }: Pick<ConfigFile, 'access' | 'requests'>): Finding[] {
  const webhooks = requests.approvalWebhooks.map(({ name }) => name)
  const asked = access.flatMap(({ autoApprove }) => (autoApprove?.type === 'webhook' ? [autoApprove.webhook] : []))
  const unused = webhooks.flatMap((name, index): Finding[] =>
    asked.includes(name)
      ? []
      : [{ level: 'warning', path: ['requests', 'approvalWebhooks', index], message: 'no access rule asks it' }],
  )
  const opened = access.flatMap(({ autoApprove, who }, index): Finding[] => {
    if (autoApprove === undefined) return []
    const path = ['access', index, 'autoApprove']
    const warn = (message: string): Finding => ({ level: 'warning', path, message })
    const isForEverybody = who.groups === undefined && who.people === undefined
    return [
      ...(autoApprove.type === 'webhook' && !webhooks.includes(autoApprove.webhook)
        ? [
            {
              level: 'error' as const,
              path: [...path, 'webhook'],
              message: `requests.approvalWebhooks has no "${autoApprove.webhook}"${didYouMean(autoApprove.webhook, webhooks)}`,
            },
          ]
        : []),
      ...(autoApprove.type === 'schedule' && isAroundTheClock(autoApprove.schedule)
        ? [
            warn(
              'approves around the clock, so no person ever decides but on more time: give hours, or say grant: standing',
            ),
          ]
        : []),
      ...(isForEverybody
        ? [
            warn(
              `approves ${who.kind === 'service' ? 'every service' : who.kind === 'person' ? 'everybody who signs in' : 'everybody who signs in, and every service'}: name groups or people in who`,
            ),
          ]
        : []),
    ]
  })
  return [...unused, ...opened]
}
