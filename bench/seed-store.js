import { newId } from '../dist/shared/id.js'
import { saveBreakGlass } from '../dist/storage/break-glass.js'
import { openSqlite } from '../dist/storage/database.js'
import { saveLock } from '../dist/storage/locks.js'
import { saveRequest } from '../dist/storage/requests.js'
import { insertSession } from '../dist/storage/sessions.js'

const person = (number) => ({ id: `sub|p${number}`, label: `person-${number}@example.com`, kind: 'person' })

/**
 * Fills the store of a demo gateway that has not started with ended sessions, pending requests, locks and emergency access, without an audit entry each.
 * `personOf` and `requesterOf` say who has the nth session and request; of sessions, forty people in turn.
 */
export async function seedStore(
  file,
  { sessions, requests, locks = 0, emergencies = 0, personOf = person, requesterOf = person },
) {
  const db = await openSqlite(file)
  const now = Date.now()
  await db.change(async (tx) => {
    for (let made = 0; made < sessions; made++) {
      const openedAt = now - made * 60_000 - 3_600_000
      await insertSession(tx, {
        id: newId('ses'),
        person: personOf(made % 40),
        target: made % 3 === 0 ? 'prod-db' : 'dev-db',
        protocol: 'postgres',
        grantId: newId('grt'),
        loginId: newId('lgn'),
        openedAt,
        ended: { at: openedAt + 30_000, code: 'CLIENT_LEFT', message: 'the client closed the connection' },
        commands: made % 50,
        denied: made % 7 === 0 ? 2 : 0,
        held: made % 5 === 0 ? 1 : 0,
        recording: `2026-11/${made}.pamrec`,
      })
    }
    for (let made = 0; made < locks; made++)
      await saveLock(
        tx,
        {
          id: newId('lck'),
          subject: { type: 'person', id: `sub|p${made}`, label: `person-${made}@example.com` },
          reason: `INC-${made} laptop stolen`,
          by: { id: 'sub|bob', label: 'bob@example.com' },
          createdAt: now - made * 60_000,
          endsAt: made % 2 === 0 ? undefined : now + 4 * 3_600_000,
          lifted: undefined,
        },
        now,
      )
    for (let made = 0; made < emergencies; made++) await saveBreakGlass(tx, emergency(made, now))
    for (let made = 0; made < requests; made++)
      await saveRequest(tx, {
        id: newId('req'),
        requester: requesterOf(made),
        targets: [{ name: 'prod-db', rule: 'production on request' }],
        reason: `INC-${made} something is stuck`,
        length: 1_800_000,
        approvers: { groups: ['sre'], count: 1 },
        state: 'pending',
        decisions: [],
        createdAt: now - made * 1000,
        expiresAt: now + 4 * 3_600_000,
      })
  })
  await db.close()
}

/** The nth: the first three are not reviewed yet. */
function emergency(made, now) {
  const createdAt = now - made * 7_200_000 - 3_600_000
  const isOpen = made < 3
  return {
    id: newId('brk'),
    person: person(made % 40),
    target: 'prod-db',
    rule: 'emergencies',
    reason: `INC-${made} orders are stuck, nobody on call answers`,
    length: 1_800_000,
    createdAt,
    state: isOpen ? 'open' : made % 10 === 9 ? 'refused' : 'closed',
    grantId: made % 10 === 9 ? undefined : newId('grt'),
    endsAt: createdAt + 1_800_000,
    reviewers: ['sre'],
    remindEvery: 86_400_000,
    remindedAt: now,
    reviewed:
      isOpen || made % 10 === 9
        ? undefined
        : {
            by: 'sub|bob',
            label: 'bob@example.com',
            comment: 'one TRUNCATE of a scratch table',
            at: createdAt + 3_600_000,
          },
  }
}
