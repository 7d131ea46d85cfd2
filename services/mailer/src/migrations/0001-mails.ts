import { Migration } from '@mikro-orm/migrations'

export class Mails extends Migration {
  override up(): void {
    this.addSql(`create table mails (
      job_id uuid not null,
      recipient varchar(64) not null,
      template varchar(32) not null,
      state varchar(8) not null,
      tries int not null,
      sequence bigint not null,
      claim uuid null,
      failure varchar(300) null,
      created_at timestamptz not null,
      changed_at timestamptz not null,
      primary key (job_id, recipient)
    )`)
    this.addSql('create index mails_changed_at_index on mails (changed_at)')
  }
}
