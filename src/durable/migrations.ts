import type { MigrationFolder } from '../database/migrate.ts'

export const durableMigrations: MigrationFolder = {
  service: 'durable',
  folder: new URL('./migrations', import.meta.url).pathname,
}
