/** The program: `stratolith up | status | doctor | down | routes`. Each command is a file in cli/, loaded when asked for. */
import { Command, CommanderError } from 'commander'
import { loadConfig, SettingError, withSettings } from './config.ts'
import { isDomainError } from './domain-error.ts'

// QEMU and PostgreSQL run as users of their own and must get through to their files; what is secret has a mode of its own.
process.umask(0o022)

const program = new Command('stratolith')
  .description('A whole OpenStack-compatible private cloud in one process.')
  .showHelpAfterError('(--help lists what there is)')
  .helpOption('-h, --help')
  // Subcommands are made with it. Exit status 1 is kept for what a command found.
  .exitOverride()

withSettings(
  program.command('up').description('run the cloud here; on the first run also makes a first server'),
).action(async (flags) => {
  const { up } = await import('./cli/up.ts')
  process.exitCode = await up(loadConfig(flags))
})

withSettings(program.command('status').description('one screen of what runs').option('--json', 'for programs')).action(
  async (flags) => {
    const { status } = await import('./cli/status.ts')
    process.exitCode = await status(loadConfig(flags), { json: flags.json === true })
  },
)

withSettings(
  program
    .command('doctor')
    .description('check this host; each finding with its remedy. Exit status: 0 fine, 1 warnings, 2 errors')
    .option('--json', 'for programs'),
).action(async (flags) => {
  const { doctor } = await import('./cli/doctor.ts')
  process.exitCode = await doctor(loadConfig(flags), { json: flags.json === true })
})

withSettings(
  program
    .command('down')
    .description('stop everything: the control plane, guests, and what was made on this host. Data stays')
    .option('--purge', 'remove the data too: images, volumes, database'),
).action(async (flags) => {
  const { down } = await import('./cli/down.ts')
  process.exitCode = await down(loadConfig(flags), { purge: flags.purge === true })
})

program
  .command('routes')
  .description('every route with service, method, path, action, microversions and policy')
  .option('--json', 'for programs')
  .action(async (flags) => {
    const { routes } = await import('./cli/routes.ts')
    process.exitCode = await routes({ json: flags.json === true })
  })

// Whoever read what we say may be gone, `| head` or a terminal that was closed: that is no reason to end half-way.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
  })
}

try {
  await program.parseAsync()
} catch (error) {
  // The command line was wrong, and has been told so; or it asked for help.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else if (error instanceof SettingError || isDomainError(error)) {
    console.error(`stratolith: ${error.message}`)
    process.exitCode = 2
  } else throw error
}
// A command that has ended ends the process, also when something that failed half-way left a handle open.
setTimeout(() => process.exit(), 3_000).unref()
