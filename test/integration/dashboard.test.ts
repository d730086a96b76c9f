import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { CHROMIUM, startDashboard, type Dashboard } from '../helpers/dashboard.ts'
import { eventually, openPort, signIn, type Port, type SignedIn } from '../helpers/gateway-client.ts'
import { psql, type Outcome } from '../helpers/run.ts'
import { inTerminal, sshClient } from '../helpers/ssh-client.ts'

/** Two rules that hold: one that waits for long, one whose time is over while somebody looks. */
const RULES = `
  - { name: drops wait shortly, targets: { names: [dev-db] }, match: { kinds: [drop-table] }, hold: { approvers: { groups: [sre] }, expires: 15s } }
  - { name: two must agree, targets: { names: [dev-db] }, match: { kinds: [truncate] }, hold: { approvers: { groups: [sre, audit], count: 2 } } }
  - { name: notes wait, targets: { names: [dev-db] }, match: { kinds: [update], relations: [web_notes] }, hold: { approvers: { groups: [sre] }, batch: true } }
  - { name: notes go, targets: { names: [dev-db] }, match: { kinds: [delete], relations: [web_notes] }, hold: { approvers: { groups: [sre] }, batch: true } }
  - { name: deletes wait, targets: { names: [dev-db] }, match: { kinds: [delete] }, hold: { approvers: { groups: [sre] }, expires: 10m } }`

/** Two more targets on request: one that the same people decide on, and one that others do. */
const MORE_TARGETS = ['prod-copy', 'ledger']
  .map(
    (name) => `
  - { name: ${name}, type: postgres, labels: { env: prod, team: shop }, host: 127.0.0.1, port: 1, database: app, user: app, password: file:target-password, tls: disable }`,
  )
  .join('')
/** Approved without a person: one by a schedule that no request fits in, one by a webhook. */
const ROUTINE_TARGETS = ['rota', 'oncall']
  .map(
    (name) => `
  - { name: ${name}, type: postgres, labels: { env: routine }, host: 127.0.0.1, port: 1, database: app, user: app, password: file:target-password, tls: disable }`,
  )
  .join('')
const ROUTINE_ACCESS = `
  - { name: in the rota, who: { groups: [engineering] }, targets: { names: [rota] }, grant: request, approvers: { groups: [sre] }, autoApprove: { schedule: { timeZone: UTC, hours: [{ days: [mon], from: "00:00", to: "00:01" }] } } }
  - { name: on call, who: { groups: [engineering] }, targets: { names: [oncall] }, grant: request, approvers: { groups: [sre] }, autoApprove: { webhook: pager } }`

const MORE_ACCESS = `
  - { name: emergencies, who: { groups: [engineering] }, targets: { names: [ledger] }, grant: break-glass, maxDuration: 30m, breakGlass: { reviewers: { groups: [audit] }, announcement: best-effort } }
  - { name: the ledger, who: { groups: [engineering] }, targets: { names: [ledger] }, grant: request, approvers: { groups: [audit] } }`

describe.skipIf(!CHROMIUM)('the dashboard', () => {
  let web: Dashboard
  let jane: SignedIn
  let dev: Port
  /** Takes connections of the gateway, and says nothing: what it is asked stays open. */
  let pager: Server
  const asked: Socket[] = []
  beforeAll(async () => {
    pager = createServer((socket) => asked.push(socket.on('error', () => {}))).listen(0, '127.0.0.1')
    await once(pager, 'listening')
    web = await startDashboard((yaml, directory) => {
      const secrets = ['asks', 'answers'] as const
      for (const name of secrets)
        writeFileSync(join(directory, name), `whsec_${randomBytes(32).toString('base64')}`, { mode: 0o600 })
      const webhook = `{ name: pager, url: "https://127.0.0.1:${(pager.address() as AddressInfo).port}/", secret: "file:asks", answerSecret: "file:answers", timeout: 10s }`
      return `${yaml
        .replace('\ntargets:', `\ntargets:${ROUTINE_TARGETS}${MORE_TARGETS}`)
        .replace('\naccess:', `\naccess:${ROUTINE_ACCESS}${MORE_ACCESS}`)
        .replace('\ncommands:', `\ncommands:${RULES}`)}
requests: { approvalWebhooks: [${webhook}] }
`
    })
    jane = await signIn(web.url, 'jane')
    dev = await openPort(jane, 'dev-db')
  })
  afterAll(async () => {
    dev?.close()
    await web?.stop()
    for (const socket of asked) socket.destroy()
    pager.close()
  })
  afterEach(() => {
    expect(web.complaints.splice(0)).toEqual([])
  })

  const run = (script: string): Promise<Outcome> => psql(dev, 'app_dev', script)
  const cardOf = (page: Page, text: string) => page.locator('[data-card]').filter({ hasText: text })

  it('access is asked for in one browser and given, shortened, in another', async () => {
    const [asking, deciding] = [await web.signedIn('jane', '/access'), await web.signedIn('bob')]
    const target = asking.getByTestId('prod-db')
    await target.getByRole('button', { name: 'Request access…' }).click()
    await target.getByLabel(/^Reason/).fill('INC-4711 stuck orders')
    await target.getByLabel(/^Duration/).fill('45m')
    await target.getByRole('button', { name: 'Request access' }).click()
    const card = cardOf(deciding, 'INC-4711 stuck orders')
    await card.waitFor()
    await expect.poll(() => deciding.title()).toMatch(/^\(1\) Inbox/)
    expect(await card.textContent()).toMatch(/jane@example\.com asks for prod-db.*env=prod.*45 minutes/)
    await card.getByRole('button', { name: 'Approve…' }).click()
    await card.getByLabel(/^Comment/).fill('only as long as you need')
    const length = card.getByLabel(/^Duration/)
    await length.fill('2h')
    expect(await card.getByRole('button', { name: 'Approve access' }).isDisabled()).toBe(true)
    await length.fill('10m')
    await card.getByRole('button', { name: 'Approve access' }).click()
    await card.getByText('approved by bob@example.com: only as long as you need').waitFor()
    await asking.getByText(/access until/).waitFor()
    const [grant] = (await jane.api.grants.list({ active: true })).items.filter(({ target: of }) => of === 'prod-db')
    expect(Date.parse(grant?.endsAt ?? '') - Date.parse(grant?.startsAt ?? '')).toBe(600_000)
    await asking.getByLabel('Grant for prod-db').getByRole('button', { name: 'Revoke access…' }).click()
    await asking.getByRole('button', { name: 'Revoke access to prod-db' }).click()
    await asking.getByTestId('prod-db').getByText('on request', { exact: true }).waitFor()
    await Promise.all([asking.context().close(), deciding.context().close()])
  })

  it('several targets are requested at once, from a link: what is not part of it says why', async () => {
    const link = new URLSearchParams([
      ...['prod-db', 'dev-db', 'nosuch'].map((name) => ['target', name] as [string, string]),
      ['label', 'team=shop'],
      ['for', '20m'],
      ['reason', 'INC-4712 both copies'],
    ])
    const page = await web.signedIn('jane', `/access?${link.toString()}`)
    const form = page.getByRole('form', { name: 'Request access to several targets' })
    await form.getByText('A link filled in this form').waitFor()
    for (const text of ['dev-db: needs no request: you have standing access', 'nosuch: not visible to you'])
      await form.getByRole('listitem').filter({ hasText: text }).waitFor()
    // Nobody decides on all of them: the ledger is for others.
    await form.getByText(/^No group of approvers decides on all of these targets: .*ledger \(audit\)/).waitFor()
    expect(await form.getByRole('button', { name: 'Request access to 3 targets' }).isDisabled()).toBe(true)
    expect(await form.getByRole('checkbox', { name: /^dev-db/ }).isDisabled()).toBe(true)
    await form.getByLabel('Find a target').fill('ledger')
    const ledger = form.getByRole('checkbox', { name: /^ledger .*approved by audit; rule "the ledger"/ })
    await ledger.uncheck()
    await form.getByText('2 targets: prod-copy, prod-db. One decision for all, by sre;').waitFor()
    const send = form.getByRole('button', { name: 'Request access to 2 targets' })
    await form.getByLabel(/^Duration/).fill('2h')
    await form.getByText('Enter a duration such as 30m or 1h30m, at most 1h.').waitFor()
    await form.getByLabel(/^Duration/).fill('15m')
    await form.getByLabel(/^Start/).fill('2020-01-01T00:00')
    await send.click()
    await form.getByRole('alert').getByText('the start is in the past').waitFor()
    await form.getByLabel(/^Start/).fill('')
    await send.click()
    await page.getByText(/^Requested req_\w+ for .*; waiting for sre\.$/).waitFor()
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Request several…')
    await page.getByTestId('prod-copy').getByText('with 1 more').waitFor()
    const [made] = (await jane.api.requests.list({ mine: true })).items
    expect([made?.targets?.map(({ name }) => name).toSorted(), made?.lengthMs, made?.reason]).toEqual([
      ['prod-copy', 'prod-db'],
      900_000,
      'INC-4712 both copies',
    ])
    const sections = page.getByRole('navigation').first()
    await sections.getByRole('link', { name: /^Inbox/ }).click()
    const own = cardOf(page, 'INC-4712 both copies')
    await own.getByRole('button', { name: 'Withdraw…' }).click()
    await own.getByRole('button', { name: 'Withdraw the request' }).click()
    await own.getByText('withdrawn').waitFor()
    await sections.getByRole('link', { name: /^Access/ }).click()
    await page.getByTestId('prod-db').getByRole('button', { name: 'Request access…' }).waitFor()
    await page.context().close()
  })

  it('a request says what is asked in place of people, and why people decide although a rule approves such requests', async () => {
    const page = await web.signedIn('jane', '/access')
    const request = async (name: string): Promise<void> => {
      const target = page.getByTestId(name)
      await target.getByRole('button', { name: 'Request access…' }).click()
      await target.getByLabel(/^Reason/).fill('INC-4713 nightly')
      await target.getByRole('button', { name: 'Request access' }).click()
    }
    const waiting = (name: string) => page.getByTestId(name).getByRole('status')
    await request('oncall')
    const asking = waiting('oncall').getByText('The webhook "pager" is being asked; sre can decide meanwhile.')
    await asking.waitFor()
    // Of what comes to nothing, people decide.
    await eventually(async () => asked[0], 'the webhook is asked')
    pager.close()
    for (const socket of asked) socket.destroy()
    await asking.waitFor({ state: 'detached' })
    expect(await waiting('oncall').textContent()).toContain('waiting for sre: INC-4713 nightly')
    await waiting('oncall')
      .getByText(/^People decide: the webhook "pager" was asked \(/)
      .waitFor()
    await request('rota')
    await waiting('rota')
      .getByText(/^People decide: .*hours/)
      .waitFor()
    // It says so also when it is looked at again.
    await page.reload()
    await waiting('rota')
      .getByText(/^People decide: .*hours/)
      .waitFor()
    for (const { id, state } of (await jane.api.requests.list({ mine: true })).items)
      if (state === 'pending') await jane.api.requests.withdraw(id)
    // The reason belongs to that request: another does not have it.
    await page.getByTestId('rota').getByRole('button', { name: 'Request access…' }).waitFor()
    await page.context().close()
  })

  it('an address that is no page says so in a browser, and to programs as JSON', async () => {
    const page = await web.signedIn('jane', '/nope')
    await page.getByText('This page does not exist.').waitFor()
    const browser = { accept: 'text/html', 'sec-fetch-mode': 'navigate' }
    // fetch() sets Fetch Metadata of its own.
    const asked = (path: string, headers: Record<string, string>, method = 'GET') =>
      new Promise<string>((resolve, reject) => {
        const call = get(web.url + path, { headers, method }, (answer) => {
          answer.resume()
          resolve(`${answer.statusCode ?? 0} ${answer.headers['content-type'] ?? ''}`)
        })
        call.on('error', reject)
      })
    expect(await asked('/nope', browser)).toBe('404 text/html; charset=utf-8')
    const problem = '404 application/problem+json; charset=utf-8'
    expect([
      await asked('/nope', {}),
      await asked('/v1/nope', browser),
      await asked('/nope', browser, 'POST'),
      await asked('/nope', { accept: 'text/html', 'sec-fetch-mode': 'cors' }),
    ]).toEqual([problem, problem, problem, problem])
    // `/` goes to what the page searches by.
    await page.goto(`${web.url}/sessions`)
    await page.getByRole('heading', { name: 'Sessions' }).waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('jane')
    expect(await page.getByLabel('Person').inputValue()).toBe('jane')
    await page.context().close()
  })

  it('a held statement is shown unchanged, and released while psql waits', async () => {
    const page = await web.signedIn('bob')
    await run('create table if not exists web_audit (id int); insert into web_audit values (1), (2)')
    const held = run("select 'before';\ndelete from web_audit -- \u0430ll of them\n  where id = 1;")
    const card = cardOf(page, 'web_audit')
    await card.waitFor()
    const shown = (await card.getByTestId('code').locator('.text').allTextContents()).map((line) => line.trimEnd())
    expect(shown).toEqual(['delete from web_audit -- \u0430ll of them', '  where id = 1;'])
    expect(await card.textContent()).toMatch(
      /1 character in this text is invisible or misleading: U\+0430 \(a Cyrillic letter/,
    )
    expect(await card.locator('.effect').textContent()).toMatch(/DELETE, writes public\.web_audit/)
    expect(await card.textContent()).toContain('deletes wait')
    await card.getByText("select 'before';").waitFor()
    await card.getByRole('button', { name: 'Approve…' }).click()
    await card.getByRole('button', { name: 'Approve and run once' }).click()
    const { stdout, stderr, code } = await held
    expect([stdout, code]).toEqual(['before\n', 0])
    expect(stderr).toMatch(/needs approval by sre/)
    await card.getByText(/approved by bob@example.com/).waitFor()
    await page.context().close()
  })

  it('a batch is shown statement by statement on its card, and with what became of each in its session', async () => {
    const page = await web.signedIn('bob', '/', { viewport: { width: 360, height: 780 } })
    await run(
      "create table if not exists web_notes (id int, note text); insert into web_notes values (1, 'a'), (2, 'b')",
    )
    const update = `update web_notes set note = ';' -- \u0430ll; of them`
    const session = psql(dev, 'app_dev', '', ['-c', `${update}\n; delete from web_notes where id = 1 / 0; select 1`])
    const card = cardOf(page, 'web_notes')
    const statements = card.getByRole('list', { name: '3 statements, as one text' }).getByRole('listitem')
    await statements.nth(2).waitFor()
    expect((await statements.allTextContents()).map((text) => text.replaceAll(/\s+/g, ' '))).toEqual([
      expect.stringMatching(
        /^1 of 3 ?UPDATE ?writes public\.web_notes.*without WHERE.*update web_notes set note = ';'.*1 character/,
      ),
      expect.stringMatching(/^2 of 3 ?DELETE ?writes public\.web_notes.*delete from web_notes where id = 1 \/ 0/),
      expect.stringMatching(/^3 of 3 ?SELECT.*select 1/),
    ])
    await card.getByText('UPDATE, DELETE, SELECT; 1 statement without WHERE').waitFor()
    await card.locator('summary', { hasText: 'As one text' }).click()
    await card
      .getByRole('group', { name: /as one text$/ })
      .getByText('delete from web_notes')
      .waitFor()
    await card.getByRole('button', { name: 'Approve…' }).click()
    await card.getByRole('button', { name: 'Approve and run once' }).click()
    expect((await session).stderr).toMatch(/division by zero/)
    // Its person reads it; whoever approves is no auditor here.
    const whole = await card.getByRole('link', { name: 'Whole session' }).getAttribute('href')
    const own = await web.signedIn('jane', whole ?? '', { viewport: { width: 360, height: 780 } })
    await own.getByText('Statement 2 failed: the target undid those before it').waitFor()
    const ran = own.getByRole('list', { name: '3 statements, as one text' }).getByRole('listitem')
    expect(await ran.nth(0).textContent()).toMatch(/^1 of 3UPDATE.*ran UPDATE 2/)
    expect(await ran.nth(1).textContent()).toMatch(/^2 of 3DELETE.*failed 22012/)
    expect(await ran.nth(2).textContent()).toMatch(/^3 of 3SELECT.*not reached/)
    await Promise.all([page.context().close(), own.context().close()])
  })

  it('a denial reaches psql with its comment, by keyboard alone', async () => {
    const page = await web.signedIn('bob')
    const held = run('delete from web_audit where id = 2')
    const card = cardOf(page, 'web_audit where id = 2')
    await card.waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('d')
    await page.keyboard.type('not during the freeze')
    await page.keyboard.press('Control+Enter')
    expect((await held).stderr).toMatch(/denied by bob@example.com: not during the freeze/)
    await card.getByText('denied by bob@example.com: not during the freeze').first().waitFor()
    await page.context().close()
  })

  it('two people are needed, and each sees what is missing; a card that expires while it is open says so', async () => {
    const [first, second] = [await web.signedIn('bob'), await web.signedIn('alice')]
    await run('create table if not exists doomed (id int)')
    const forgotten = run('drop table doomed')
    const expiring = cardOf(await web.signedIn('bob'), 'drop table doomed')
    await expiring.getByRole('button', { name: 'Approve…' }).click()
    const held = run('truncate web_audit')
    for (const page of [first, second]) {
      const card = cardOf(page, 'truncate web_audit')
      await card.getByText(/[01] of 2 approvals by people in sre or audit/).waitFor()
      await card.getByRole('button', { name: 'Approve…' }).click()
      await card.getByRole('button', { name: 'Approve and run once' }).click()
      await card.locator('.badge.good', { hasText: 'approved' }).first().waitFor()
    }
    expect((await held).code).toBe(0)
    expect((await forgotten).stderr).toMatch(/approval expired before anyone decided[\s\S]*approval apr_\w+/)
    await expiring.getByText('expired: nobody decided in time').waitFor()
    expect(await expiring.getByRole('button').count()).toBe(0)
    await Promise.all([first, second, expiring.page()].map((page) => page.context().close()))
  })

  it('emergency access is found while it is used, while it awaits a review, and afterwards', async () => {
    const use = await jane.api.breakGlass.start({ target: 'ledger', reason: 'INC-4713 nobody else is here' })
    const page = await web.signedIn('alice')
    await page.getByRole('link', { name: 'All emergency access' }).click()
    const row = page.getByRole('row').filter({ hasText: use.id })
    await row.getByText('in use', { exact: true }).waitFor()
    expect(await row.textContent()).toMatch(/^jane@example\.comledger.*INC-4713 nobody else is here/)
    await jane.api.grants.revoke(use.grantId ?? '', 'done')
    await row.getByText('awaits a review', { exact: true }).waitFor()
    await row.getByRole('link', { name: 'Review…' }).click()
    const card = page.getByTestId(use.id)
    await card.getByRole('button', { name: 'Review…' }).click()
    await card.getByLabel('What was done, and whether it was right').fill('read the record: nothing ran')
    await card.getByRole('button', { name: 'Close the review' }).click()
    await card.waitFor({ state: 'detached' })
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Sessions' }).click()
    await page.getByRole('button', { name: 'Emergency' }).click()
    await row.getByText('reviewed', { exact: true }).waitFor()
    expect(await row.textContent()).toMatch(/reviewed by alice@example\.com, .*read the record: nothing ran/)
    await row.getByRole('link', { name: 'Sessions' }).click()
    expect(await page.getByLabel('Target', { exact: true }).inputValue()).toBe('ledger')
    await page.getByText('No matching sessions.').waitFor()
    // Its person finds it from where access is asked for.
    const own = await web.signedIn('jane', '/access')
    await own.getByRole('link', { name: 'Emergency access' }).click()
    await own.getByRole('row').filter({ hasText: use.id }).getByText('reviewed', { exact: true }).waitFor()
    await Promise.all([page.context().close(), own.context().close()])
  })

  it('two tabs share one stream; what was decided in one is decided in the other', async () => {
    const first = await web.signedIn('bob')
    const second = await first.context().newPage()
    const streams: string[] = []
    second.on('request', (request) => request.url().includes('/v1/events') && streams.push(request.url()))
    await second.goto(web.url)
    await second.getByRole('navigation', { name: 'Pages' }).waitFor()
    const held = run('delete from web_audit where id = 3')
    const [one, two] = [cardOf(first, 'id = 3'), cardOf(second, 'id = 3')]
    await Promise.all([one.waitFor(), two.waitFor()])
    expect(streams).toEqual([])
    // The second tab does not hear of it in time: its page is kept from knowing.
    await two.getByRole('button', { name: 'Approve…' }).click()
    await second.route('**/v1/reviews/apr_*', (route) => route.abort())
    await one.getByRole('button', { name: 'Deny…' }).click()
    await one.getByRole('button', { name: 'Deny command' }).click()
    await one.getByText('denied by bob@example.com').first().waitFor()
    await two.getByRole('button', { name: 'Approve and run once' }).click()
    await two
      .getByRole('alert')
      .getByText(/already decided: denied by bob@example.com/)
      .waitFor()
    expect((await held).stderr).toMatch(/denied by bob/)
    // When the tab with the stream closes, the other goes on.
    await second.unroute('**/v1/reviews/apr_*')
    await first.close()
    const later = run('delete from web_audit where id = 4')
    const card = cardOf(second, 'id = 4')
    await card.getByRole('button', { name: 'Approve…' }).click()
    await card.getByRole('button', { name: 'Approve and run once' }).click()
    expect((await later).code).toBe(0)
    await second.context().close()
  })

  it('what arrives between loading a page and opening its stream is shown', async () => {
    const page = await web.signedIn('bob')
    let go = (): void => {}
    const gone = new Promise<void>((resolve) => (go = resolve))
    let asked = false
    await page.route('**/v1/events*', async (route) => {
      asked = true
      await gone
      await route.continue()
    })
    await page.reload()
    await page.getByText('Nothing is waiting').first().waitFor()
    await eventually(() => (asked ? true : undefined), 'the stream is asked for')
    const request = await jane.api.requests.create({ target: 'prod-db', reason: 'in the gap' })
    go()
    await cardOf(page, 'in the gap').waitFor()
    await jane.api.requests.withdraw(request.id)
    await page.context().close()
  })

  it('a live session is watched as it runs, and ended with a reason', async () => {
    const [watching, ending] = [await web.signedIn('alice', '/live'), await web.signedIn('bob', '/live')]
    const session = run("select 'watched';\nselect pg_sleep(600);")
    const live = watching.locator('tr.running').filter({ hasText: 'dev-db' }).filter({ hasText: 'pg_sleep' })
    await live.getByRole('link', { name: 'Watch' }).click()
    await watching.getByText('select pg_sleep(600);').waitFor()
    await ending.getByLabel('Filter').fill('jane dev-db running')
    const row = ending.locator('tr.running').filter({ hasText: 'dev-db' })
    // Who ends sessions is not therefore shown what runs in them.
    expect(await row.textContent()).toMatch(/jane@example\.comdev-dbrunning \d+s 1[12]h/)
    await row.getByRole('button', { name: 'End…' }).click()
    const dialog = ending.getByRole('dialog', { name: /^End the session of jane@example\.com on dev-db/ })
    await dialog.getByLabel(/^The access/).check()
    await dialog.getByRole('button', { name: 'Revoke access now' }).waitFor()
    await dialog.getByLabel(/^This session/).check()
    await dialog.getByLabel(/^Reason/).fill('the pager goes off')
    await dialog.getByRole('button', { name: 'End session now' }).click()
    expect((await session).stderr).toMatch(/ended by bob@example.com: the pager goes off/)
    await watching.getByText(/The session has ended/).waitFor()
    await ending.getByLabel('Filter').fill('')
    await ending.getByText(/the session was ended by bob@example.com/).waitFor()
    await Promise.all([watching.context().close(), ending.context().close()])
  })

  it('a person is locked out and let in again: their open page says why, and their session ends', async () => {
    const [locked, locking] = [await web.signedIn('jane', '/access'), await web.signedIn('bob', '/locks')]
    await locked.getByTestId('dev-db').waitFor()
    const session = run('select pg_sleep(600)')
    await eventually(async () => (await jane.api.sessions.list({ active: true })).items[0], 'a session')
    await locking.getByText('Nothing that you can see is locked.').waitFor()
    await locking.getByRole('button', { name: 'Lock…' }).click()
    const dialog = locking.getByRole('dialog', { name: 'Lock' })
    const act = dialog.getByRole('button', { name: 'Lock now' })
    await dialog.getByLabel(/^Name/).fill('bob@example.com')
    await dialog.getByLabel(/^Reason/).fill('laptop stolen')
    await act.click()
    await dialog.getByText('this lock is about yourself, and you could not lift it').waitFor()
    await dialog.getByLabel(/^Name/).fill('jane@example.com')
    await dialog.getByLabel(/^Duration/).fill('2 hours and a bit')
    expect(await act.isDisabled()).toBe(true)
    await dialog.getByLabel(/^Duration/).fill('2h')
    await dialog.getByText(/Ends every session of jane@example\.com.*for 2 hours/).waitFor()
    await act.click()
    await locking.getByText('jane@example.com is locked; 1 session ended.').waitFor()
    expect((await session).stderr).toMatch(/you are locked out until .*: laptop stolen \(locked by bob@example\.com\)/)
    await locked.getByRole('heading', { name: 'You are locked out' }).waitFor()
    await locked.getByText(/laptop stolen \(locked by bob@example\.com\)/).waitFor()
    expect(await locked.getByTestId('dev-db').count()).toBe(0)
    const row = locking.getByRole('row').filter({ hasText: 'laptop stolen' })
    await row.getByRole('button', { name: 'Unlock… jane@example.com' }).click()
    await locking
      .getByRole('dialog')
      .getByLabel(/^Reason/)
      .fill('it was found')
    await locking.getByRole('dialog').getByRole('button', { name: 'Unlock' }).click()
    await row.waitFor({ state: 'detached' })
    await locking.getByLabel('Also past locks').check()
    expect(await row.textContent()).toMatch(/unlocked.*by bob@example\.com: it was found/)
    await locked.getByRole('button', { name: 'Try again' }).click()
    await locked.getByTestId('dev-db').waitFor()
    await Promise.all([locked.context().close(), locking.context().close()])
  })

  it('a terminal is watched live, then replayed with a list that jumps; its record is checked and exported', async () => {
    const port = await openPort(jane, 'bastion')
    const client = await sshClient(port, web.sshd.user)
    const shell = await inTerminal(client, undefined, { columns: 70, rows: 20 })
    shell.channel.write("PS1='$ '\r")
    const id = await eventually(async () => {
      const { items } = await jane.api.sessions.list({ active: true })
      return items.find(({ target }) => target === 'bastion')?.id
    }, 'a session')
    const page = await web.signedIn('alice', `/live/${id}`)
    const screen = page.getByRole('region', { name: 'Live terminal' })
    await screen.locator('.ap-player, .ap-term').first().waitFor()
    shell.channel.write('echo first-$((40+2))\r')
    await screen.getByText('first-42').first().waitFor()
    shell.channel.write('echo second-$((20+3))\r')
    await screen.getByText('second-23').first().waitFor()
    shell.channel.write('exit\r')
    await shell.over
    client.end()
    await page.getByText('The session has ended').waitFor()
    await page.getByRole('link', { name: 'View the recording' }).click()
    const player = page.getByTestId('player')
    await player.locator('.ap-player').waitFor()
    const find = page.getByLabel('Find in the terminal')
    await find.fill('second-23')
    await page.getByRole('list', { name: 'Jump to' }).getByRole('button').first().click()
    await player.getByText('second-23').first().waitFor()
    await page.getByRole('button', { name: 'Verify' }).click()
    await page.getByTestId('verification').getByText('valid').waitFor()
    const download = page.waitForEvent('download')
    await page.getByRole('link', { name: 'Export recording' }).click()
    expect((await download).suggestedFilename()).toBe(`${id}.pamrec`)
    port.close()
    await page.context().close()
  })

  it('sessions are found by who and where, commands by text, decision and kind', async () => {
    const page = await web.signedIn('alice', '/sessions')
    await page.getByRole('button', { name: 'Held' }).click()
    await page.getByRole('link', { name: '1 held' }).first().click()
    await page
      .getByText(/"(deletes|drops) wait|two must agree/)
      .first()
      .waitFor()
    expect(await page.getByText('select', { exact: false }).filter({ hasText: 'pg_sleep' }).count()).toBe(0)
    await page.goBack()
    await page.getByRole('button', { name: 'All', exact: true }).click()
    await page.getByText('Search by person, target').click()
    await page.getByLabel('Person').fill('JANE@')
    await page.getByLabel('Target', { exact: true }).fill('dev-db')
    await page.getByRole('button', { name: 'Search' }).click()
    await page.locator('tbody tr').filter({ hasText: 'dev-db' }).nth(3).waitFor()
    await page.locator('tbody tr').filter({ hasText: 'bastion' }).first().waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Clear' }).click()
    await page.getByLabel('Decision').selectOption('hold')
    await page.getByLabel('Kind of command').fill('truncate')
    await page.getByRole('button', { name: 'Search' }).click()
    await page.getByText('1 command found').waitFor()
    expect(page.url()).toContain('verdict=hold')
    await page.getByRole('list', { name: 'Commands' }).getByRole('link').first().click()
    await page.locator('li.found', { hasText: 'truncate web_audit' }).waitFor()
    await page.getByText('approved', { exact: true }).first().waitFor()
    await page.context().close()
  })

  it('rules are read, tried, and run over what was done', async () => {
    const page = await web.signedIn('alice', '/policy')
    await page.getByRole('heading', { name: 'Access: the first rule that matches decides' }).waitFor()
    await page.getByRole('region', { name: 'Try a command' }).getByLabel('Target').selectOption('prod-db')
    await page.getByLabel('Groups of the person').fill('engineering')
    await page.getByLabel('Command', { exact: true }).fill('delete from orders')
    await page.getByRole('button', { name: 'Try it' }).click()
    const verdict = page.getByTestId('verdict')
    await verdict.getByText('denied', { exact: true }).waitFor()
    expect(await verdict.textContent()).toMatch(/by "writes need a WHERE"/)
    expect(await verdict.locator('tr', { hasText: 'everyday work' }).textContent()).toMatch(
      /also matches.*writes need a WHERE/,
    )
    expect(await verdict.locator('tr', { hasText: 'deletes wait' }).textContent()).toMatch(/other targets only/)
    await page
      .getByLabel(/^Draft command rules/)
      .fill(
        'commands:\n  - { name: no creating, match: { kinds: [create-table] }, deny: no new tables }\n  - { name: the rest, match: { unknown: true }, allow: true }',
      )
    await page.getByRole('button', { name: 'Run', exact: true }).click()
    const replayed = page.getByTestId('replayed')
    expect(await replayed.textContent()).toMatch(/these rules would have .*denied 3/)
    expect(await page.getByRole('list', { name: 'What would have changed' }).textContent()).toMatch(
      /create table if not exists web_audit.*allowed → denied no creating: no new tables/s,
    )
    await page.getByLabel(/^Draft command rules/).fill('commands:\n  - { name: x, alow: true }')
    await page.getByRole('button', { name: 'Line 2' }).first().click()
    expect(await page.evaluate('getSelection().toString()')).toContain('alow')
    await page.getByRole('button', { name: 'Run', exact: true }).click()
    await page
      .getByRole('alert')
      .getByText(/draft:2:/)
      .waitFor()
    await page.context().close()
  })

  it('the audit chain is searched and checked', async () => {
    const page = await web.signedIn('alice', '/audit')
    await page.getByTestId('chain').getByText('valid').waitFor()
    await page.getByLabel('What happened').selectOption('approval.denied')
    await page.getByRole('button', { name: 'Search' }).click()
    const row = page.locator('[data-type="approval.denied"]').filter({ hasText: 'freeze' })
    await row.waitFor()
    expect(await row.textContent()).toContain(
      'bob@example.com denied jane@example.com\'s DELETE on dev-db: "not during the freeze"',
    )
    const download = page.waitForEvent('download')
    await page.getByRole('link', { name: 'Export CSV' }).click()
    const csv = readFileSync(await (await download).path(), 'utf8')
    expect(csv).toMatch(/^seq,at,type,actor,actor_name,subject,data,hash\r\n(\d+,[^\r]*,approval\.denied,[^\r]*\r\n)+$/)
    await row.getByRole('link').click()
    await page.getByText('A held command').waitFor()
    await page.context().close()
  })

  it('waits for a gateway that restarts; people stay signed in, and nothing is missed', async () => {
    const page = await web.signedIn('bob')
    await page.getByText('Nothing is waiting for you').first().waitFor()
    await web.gateway.stop('SIGTERM')
    await page.getByText("Can't reach the gateway. Data may be").waitFor()
    // What is asked for meanwhile is loaded when the gateway is back, without a click.
    const pages = page.getByRole('navigation', { name: 'Pages' })
    await pages.getByRole('link', { name: 'Sessions' }).click()
    await page.getByText('Not loaded').waitFor()
    await web.restart()
    await page.getByText('Not loaded').waitFor({ state: 'detached' })
    await pages.getByRole('link', { name: 'Inbox' }).click()
    const again = await signIn(web.url, 'jane')
    const { id } = await again.api.requests.create({ target: 'prod-db', reason: 'after the restart' })
    await cardOf(page, 'after the restart').waitFor()
    await page.getByText("Can't reach the gateway. Data may be").waitFor({ state: 'detached' })
    const bob = await signIn(web.url, 'bob')
    await bob.api.reviews.decide(id, { verdict: 'approve', comment: '' })
    await page.context().close()
  })
})
