import { findKubernetes } from './local-kubernetes.ts'
import { findMariadb } from './local-mariadb.ts'
import { findSshd } from './local-sshd.ts'
import { packageRoot } from './local-postgres.ts'
import { hasProgram } from './programs.ts'
import { DEMO_PEOPLE, DEMO_SERVICE } from './setup.ts'
import { startDemoStack, type DemoStack } from './stack.ts'
import { runTour } from './tour.ts'

const SHOP = `
On MariaDB, as jane: pamctl connect shop-mysql -- mariadb
  select name, email, card_number from customers limit 5;   -- masked
  delete from orders;                                       -- denied
  truncate audit_tmp;                                       -- held until Bob approves
`

const onCluster = (kubectl: string): string => `
On Kubernetes, as jane: pamctl connect shop-k8s -- ${kubectl} -n shop …
  … get pods --watch
  … get secret payments -o yaml                             # masked
  … delete secret payments                                  # denied
  … delete deployment worker                                # held until Bob approves
`
const WEB = `
On the server web-1, as jane: pamctl exec web-1 -- …
  … cat shop.log                                            # masked
  … rm -rf /srv/shop                                        # denied
  … systemctl restart shop                                  # held until Bob approves; with --detach it leaves an id for pamctl result
`
const BILLING = `
On the service billing, as jane: pamctl connect billing -- curl -s …
  … '/api/customers?limit=3'                                # masked
  … -X POST /api/orders/7/refunds                           # denied
  … -i -X DELETE /api/orders/7                              # held until Bob approves
`
const onSaml = (signOut: string): string => `
People sign in with SAML, to the dashboard and with pamctl login: the gateway is the service provider, and the issuer of the tokens of pamctl.
Single logout: ${signOut}
  in the browser that signed in: ends the dashboard's session and pamctl's, and every connection under them
The service has its tokens from an OpenID provider, which knows no people.
`
const NO_CLUSTER =
  'There is no target shop-k8s: it needs etcd, kubectl, and the API server that scripts/install-kube-apiserver builds.'

/** `npm run demo`: everything on loopback, nothing configured, nothing left behind. */
const print = (text: string): void => void process.stdout.write(`${text}\n`)
const args = process.argv.slice(2)
const unknown = args.find((arg) => arg !== '--tour' && arg !== '--saml')

if (unknown !== undefined) {
  process.stderr.write(`demo: unknown flag ${unknown}; there are --saml and --tour\n`)
  process.exitCode = 2
} else await demo({ tour: args.includes('--tour'), withSaml: args.includes('--saml') })

async function demo({ tour, withSaml }: { readonly tour: boolean; readonly withSaml: boolean }): Promise<void> {
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve())
    // npm and its shell do not pass a signal on: whoever ends them ends the demo as well.
    const parent = process.ppid
    setInterval(() => process.ppid !== parent && resolve(), 500).unref()
  })
  let stack: DemoStack | undefined
  let isStopping = false
  try {
    stack = await startDemoStack({
      withMariadb: findMariadb() !== undefined,
      withKubernetes: findKubernetes() !== undefined,
      withSshd: findSshd() !== undefined && hasProgram('ssh'),
      withBilling: true,
      withSaml,
      withUsualPorts: true,
    })
    print(
      `PostgreSQL ${stack.postgres.version} (${stack.postgres.origin === 'npm' ? 'from npm' : 'of this system'}), gateway ${stack.gateway}, sign-in ${withSaml ? 'with SAML alone' : stack.issuer}`,
    )
    if (stack.mariadb !== undefined) print(`MariaDB ${stack.mariadb.version}, the target shop-mysql`)
    if (stack.sshd instanceof Error) print(`There is no target web-1: ${stack.sshd.message}`)
    else if (stack.sshd !== undefined) print('OpenSSH, the target web-1')
    if (stack.kubernetes === undefined) print(NO_CLUSTER)
    else
      void stack.kubernetes.then(
        (version) => print(`Kubernetes ${version} is ready, the target shop-k8s`),
        (error: Error) => {
          if (!isStopping) print(`shop-k8s: ${error.message}`)
        },
      )
    if (tour) await Promise.race([runTour(stack, print), interrupted])
    else {
      print(instructions(stack))
      await interrupted
    }
  } catch (error) {
    process.stderr.write(`demo: ${(error as Error).message}\n`)
    process.exitCode = 1
  } finally {
    isStopping = true
    await stack?.stop()
  }
  process.exit()
}

function instructions({ gateway, publicKey, issuer, samlSignOut, mariadb, kubernetes, sshd }: DemoStack): string {
  const people = Object.values(DEMO_PEOPLE).map(
    ({ email, password, what }) => `  ${email.padEnd(20)} ${password.padEnd(12)} ${what}`,
  )
  return `
Who can sign in:
${people.join('\n')}
  ${DEMO_SERVICE.id.padEnd(20)} ${DEMO_SERVICE.secret.padEnd(12)} a service (client credentials)

In a browser: ${gateway}   (one person per browser profile or private window)
${samlSignOut === undefined ? '' : onSaml(samlSignOut)}
Try in another terminal:
  alias pamctl="node ${packageRoot}/bin/pamctl.js"
  pamctl login --gateway ${gateway}                        # as jane
  pamctl targets
  pamctl connect prod-db --for 30m --reason "INC-4711" -- psql

And as Bob, in a third:
  alias pamctl="node ${packageRoot}/bin/pamctl.js --profile bob"
  pamctl login --gateway ${gateway}
  pamctl reviews
  pamctl approve

In psql try:
  select name, email, card_number from customers limit 5;   -- masked
  delete from orders;                                       -- denied
  truncate audit_tmp;                                       -- held until Bob approves
${mariadb === undefined ? '' : SHOP}${kubernetes === undefined ? '' : onCluster(kubectlCommand())}${sshd === undefined || sshd instanceof Error ? '' : WEB}${BILLING}
As the service:
  export PAMCTL_GATEWAY=${gateway} PAMCTL_TOKEN=$(curl -s -u ${DEMO_SERVICE.id}:${DEMO_SERVICE.secret} \\
    -d grant_type=client_credentials ${issuer}/token | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
  pamctl whoami

Afterwards:
  pamctl sessions; pamctl replay ses_…; pamctl export ses_…
  pamctl verify ses_….pamrec --key ${publicKey}

Ctrl-C stops everything and leaves nothing behind.`
}

/** By its name where a shell finds it. */
function kubectlCommand(): string {
  return hasProgram('kubectl') ? 'kubectl' : (findKubernetes()?.kubectl ?? 'kubectl')
}
