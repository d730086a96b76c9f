import type { AuditSubject } from '../api/schemas/recording.ts'
import type { ApiClient, AuditFilter } from '../gateway-client/api-client.ts'
import { endlessAudit } from '../gateway-client/answer-lines.ts'
import type { AuditRecord } from '../recording/audit-chain.ts'
import type { Names } from '../recording/audit-sentences.ts'

/** The newest entries in the order of the chain, with the names that sentences need. */
export async function newestEntries(
  api: ApiClient,
  asked: AuditFilter,
  limit: number,
): Promise<Names & { readonly records: readonly AuditRecord[]; readonly hasMore: boolean }> {
  const records: AuditRecord[] = []
  const [people, subjects]: [Record<string, string>, Record<string, AuditSubject>] = [{}, {}]
  for (let before: number | undefined; ;) {
    const wanted = Math.min(limit - records.length, PAGE)
    const page = await api.auditPage({ ...asked, limit: wanted, ...(before === undefined ? {} : { before }) })
    records.push(...page.items.slice(0, wanted))
    Object.assign(people, page.people)
    Object.assign(subjects, page.subjects)
    if (page.next !== undefined && (page.items.length === 0 || page.next >= (before ?? Infinity))) throw endlessAudit()
    before = page.next
    if (before === undefined || records.length >= limit)
      return { records: records.toReversed(), people, subjects, hasMore: before !== undefined }
  }
}

/** What the gateway gives at once. */
const PAGE = 1000
