import { apiAs } from '../lib/api.js'
import { fixed, percentile, table } from '../lib/measure.js'
import { openBareSession } from '../lib/bare-session.js'
import { pause, run } from '../lib/processes.js'
import { startSession } from '../lib/session.js'
import { startWitness } from '../lib/witness.js'

/** How long it takes until what somebody decides has happened, with many live sessions. */
export async function control(context) {
  const { stack, quick } = context
  const count = quick ? 50 : 1000
  const witness = await startWitness(stack.postgres.port)
  const gateway = await stack.gateway('control', { checks: true, tls: true, targetPort: witness.port })
  const port = await gateway.port('db')
  await run('psql', ['-Xqc', 'create table if not exists held ()', '-c', 'alter table held owner to app', 'app_dev'], {
    env: stack.asOwner,
  }).catch(() => {})
  const [jane, bob] = [
    await apiAs('jane', gateway.url, stack.certificate),
    await apiAs('bob', gateway.url, stack.certificate),
  ]
  const sessions = []
  while (sessions.length < count)
    sessions.push(
      ...(await Promise.all(
        Array.from({ length: Math.min(10, count - sessions.length) }, () =>
          openBareSession(port, { user: stack.account.user, database: 'app_dev' }),
        ),
      )),
    )
  const approved = []
  const passedOn = []
  for (let n = 0; n < context.pick({ quick: 5, measures: 100, full: 25 }); n++) {
    const atTarget = witness.next('truncate held')
    const done = sessions[n % sessions.length].ask('truncate held').then(() => performance.now())
    let review
    for (let attempt = 0; review === undefined && attempt < 500; attempt++) {
      ;[review] = await bob.reviews.list()
      if (review === undefined) await pause(10)
    }
    const digest = (await bob.reviews.get(review.id)).digest
    const start = performance.now()
    await bob.reviews.decide(review.id, {
      verdict: 'approve',
      comment: '',
      ...(digest === undefined ? {} : { digest }),
    })
    passedOn.push((await atTarget) - start)
    approved.push((await done) - start)
  }
  // What of it is the statement's own: the same to the database itself, from a session beside the others.
  const alone = []
  const direct = await startSession(stack, stack.postgres.port)
  for (let n = 0; n < approved.length; n++) {
    const start = performance.now()
    await direct.client.query('truncate held')
    alone.push(performance.now() - start)
  }
  direct.socket.destroy()
  const { items: grants } = await jane.grants.list({ active: true, limit: 10 })
  // Some of them are at work when it happens.
  const working = sessions.slice(0, Math.ceil(count / 10)).map(async ({ socket, ask }) => {
    while (!socket.destroyed) {
      await ask('select 1')
      await pause(500 * Math.random())
    }
  })
  await pause(1000)
  const cut = sessions.map(
    ({ socket }) => new Promise((resolve) => socket.once('close', () => resolve(performance.now()))),
  )
  const start = performance.now()
  await jane.grants.revoke(grants[0].id, 'bench')
  const answered = performance.now() - start
  const times = (await Promise.all(cut)).map((at) => at - start)
  await Promise.all(working)
  // What could still come has come: everything after it is the end of backends.
  await pause(1000)
  const lastBytes = witness.lastAfter(start)
  await gateway.stop()
  witness.close()
  const rows = [
    ['a held statement: approved → its bytes are at the target', passedOn],
    ['the same → its result is at the client', approved],
    ['the same statement to the database itself', alone],
    [`a grant with ${count} live sessions: revoked → the last byte of a statement to the target`, lastBytes],
    [`the same → the client's connection is closed`, times],
  ]
  return {
    results: { count, passedOn, approved, alone, times, lastBytes, answered },
    text: `The API had answered the revocation after ${fixed(answered)} ms. From before the call of the API; all in one process, so that one clock says both.\n\n${table(
      ['', 'p50 ms', 'p99 ms', 'longest ms'],
      rows.map(([name, values]) => [
        name,
        fixed(percentile(values, 0.5)),
        fixed(percentile(values, 0.99)),
        fixed(Math.max(...values)),
      ]),
    )}`,
  }
}
