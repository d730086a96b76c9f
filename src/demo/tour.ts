import { join } from 'node:path'
import { findKubernetes } from './local-kubernetes.ts'
import { hasProgram } from './programs.ts'
import { PAYMENT_KEY } from './sample-data.ts'
import type { DemoStack } from './stack.ts'
import { expect, find, nodeClient, Tour } from './tour-runner.ts'

/** Walks the whole story with the real programs, shows each step as its user sees it, and checks what came out. */
export async function runTour(stack: DemoStack, print: (text: string) => void): Promise<void> {
  const tour = new Tour(stack, print)
  const usePsql = hasProgram('psql')
  print(
    usePsql
      ? 'The tour uses psql.'
      : 'psql is not installed here: the tour uses node-postgres through the port of the agent instead.',
  )
  const sql = usePsql ? (text: string) => ['psql', '-X', '-c', text] : nodeClient

  try {
    tour.title('Jane signs in')
    await tour.signIn('jane')
    expect(await tour.run('jane', ['targets']), /prod-db\s+postgres\s+env=prod\s+on request, up to 1h, approved by sre/)

    tour.title('She asks for production; Bob is asked')
    const asked = await tour.run('jane', ['request', 'prod-db', '--for', '30m', '--reason', 'INC-4711 stuck orders'])
    const request = find(asked, /req_\w{13}/)
    await tour.signIn('bob')
    expect(await tour.run('jane', ['approve', request, '--yes'], 5), /you cannot decide on your own request/)
    expect(
      await tour.run('bob', ['approve', request, '--yes', '--comment', 'go ahead']),
      /approved by bob@example.com: go ahead/,
    )

    tour.title('Her client runs unchanged; what she must not see is masked')
    const query =
      "select name, email, card_number, total from orders join customers using (customer_id) where status = 'stuck' order by order_id limit 3"
    const rows = await tour.connect('jane', sql(query))
    expect(rows, /\w\*\*\*@\*\*\*\.com/)
    expect(rows, /\*{12}\d{4}/)
    if (/[\w.]+@example\.com/.test(rows)) throw new Error('an e-mail address was shown')

    tour.title('A statement that policy denies')
    expect(
      await tour.connect('jane', sql('delete from orders'), 1),
      /pam: UPDATE and DELETE without WHERE are not allowed/,
    )

    tour.title('A statement that a person decides on')
    const held = tour.start('jane', ['connect', 'prod-db', '--', ...sql('truncate audit_tmp')])
    const approval = find(await held.until(/apr_\w{13}/), /apr_\w{13}/)
    expect(await tour.run('bob', ['approve', approval, '--yes']), /truncate audit_tmp/)
    expect(await held.finished(0), /TRUNCATE/)

    if (stack.mariadb !== undefined) await onMariadb(tour)
    const kubectl = findKubernetes()?.kubectl
    if (stack.kubernetes !== undefined && kubectl !== undefined) {
      await stack.kubernetes
      await onKubernetes(tour, kubectl)
    }
    if (stack.hasBilling && hasProgram('curl')) await onBilling(tour)
    else if (stack.hasBilling) print('\ncurl is not installed here: the tour leaves out the service billing.')

    tour.title('Afterwards: what happened, and proof of it')
    const last = await tour.latestSession('jane', 'prod-db')
    expect(
      await tour.run('jane', ['replay', last]),
      /truncate audit_tmp[\s\S]*approved by bob@example\.com[\s\S]*TRUNCATE TABLE/,
    )
    await tour.signIn('alice')
    const file = join(stack.directory, `${last}.pamrec`)
    await tour.run('alice', ['export', last, '--output', file])
    expect(await tour.run('alice', ['verify', file, '--key', stack.publicKey]), /valid: ses_/)
    print('\nThat is the whole story: every step was checked.')
  } finally {
    await tour.stop()
  }
}

async function onMariadb(tour: Tour): Promise<void> {
  tour.title('The same on MariaDB: masked, denied, held')
  const client = (text: string) => ['connect', 'shop-mysql', '--', 'mariadb', '-t', '-e', text]
  const shop = (text: string, expected = 0) => tour.run('jane', client(text), expected)
  const shown = await shop('select id, name, email, card_number from customers order by id limit 3')
  expect(shown, /\w\*\*\*@\*\*\*\.com/)
  expect(shown, /\*{12}\d{4}/)
  if (/[\w.]+@example\.com/.test(shown)) throw new Error('an e-mail address was shown')
  expect(await shop('delete from orders', 1), /ERROR 1227 \(42000\).*pam: /)
  const waiting = tour.start('jane', client('truncate audit_tmp; select count(*) from audit_tmp'))
  const inShop = find(await waiting.until(/apr_\w{13}/), /apr_\w{13}/)
  expect(await tour.run('bob', ['approve', inShop, '--yes']), /truncate audit_tmp/)
  expect(await waiting.finished(0), /\| +0 \|/)
}

async function onKubernetes(tour: Tour, kubectl: string): Promise<void> {
  tour.title('The same on Kubernetes')
  const client = (...args: string[]) => ['connect', 'shop-k8s', '--', kubectl, '-n', 'shop', ...args]
  expect(await tour.run('jane', client('get', 'pods')), /web-1 +0\/1 +Pending/)
  const shown = await tour.run('jane', client('get', 'secret', 'payments', '-o', 'yaml'))
  expect(shown, /api-key: /)
  if (shown.includes(PAYMENT_KEY.toString('base64'))) throw new Error('the contents of a Secret were shown')
  expect(await tour.run('jane', client('delete', 'secret', 'payments'), 1), /Secrets are not deleted/)
  const waiting = tour.start('jane', client('delete', 'deployment', 'worker'))
  const onCluster = find(await waiting.until(/apr_\w{13}/), /apr_\w{13}/)
  expect(await tour.run('bob', ['approve', onCluster, '--yes']), /DELETE .*deployments\/worker/)
  expect(await waiting.finished(0), /"worker" deleted/)
}

async function onBilling(tour: Tour): Promise<void> {
  tour.title('The same on a service of HTTP')
  const client = (...args: string[]) => ['connect', 'billing', '--', 'curl', '-s', '-S', ...args]
  const shown = await tour.run('jane', client('/api/customers?limit=2'))
  expect(shown, /"\w\*\*\*@\*\*\*\.com"/)
  if (/[\w.]+@example\.com/.test(shown)) throw new Error('an e-mail address was shown')
  expect(await tour.run('jane', client('-X', 'POST', '/api/orders/7/refunds')), /refunds are made by the finance team/)
  const waiting = tour.start('jane', client('-i', '-X', 'DELETE', '/api/orders/7'))
  const order = find(await waiting.until(/apr_\w{13}/), /apr_\w{13}/)
  expect(await tour.run('bob', ['approve', order, '--yes']), /DELETE \/api\/orders\/7/)
  expect(await waiting.finished(0), /HTTP\/1\.1 204 No Content/)
  expect(
    await tour.run('jane', ['replay', await tour.latestSession('jane', 'billing')]),
    /DELETE \/api\/orders\/7[\s\S]*approved by bob@example\.com[\s\S]*204/,
  )
}
