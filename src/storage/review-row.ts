import type { Decision, Review, ReviewState, Withdrawal } from '../access/review.ts'
import type { ApprovalTable, RequestTable } from './schema.ts'

/** The columns that requests and approvals share. */
export const toReviewRow = (review: Review) => ({
  id: review.id,
  person_id: review.requester.id,
  person_kind: review.requester.kind,
  person_label: review.requester.label,
  approvers: JSON.stringify(review.approvers),
  state: review.state,
  decisions: JSON.stringify(review.decisions),
  expires_at: review.expiresAt,
  withdrawn: review.withdrawn === undefined ? null : JSON.stringify(review.withdrawn),
})

export const fromReviewRow = (row: RequestTable | ApprovalTable): Review => ({
  id: row.id,
  requester: { id: row.person_id, kind: row.person_kind, label: row.person_label },
  approvers: JSON.parse(row.approvers) as Review['approvers'],
  state: row.state as ReviewState,
  decisions: parseDecisions(row.decisions),
  expiresAt: row.expires_at,
  ...(row.withdrawn === null ? {} : { withdrawn: JSON.parse(row.withdrawn) as Withdrawal }),
})

export const parseDecisions = (json: string): readonly Decision[] => JSON.parse(json) as readonly Decision[]
