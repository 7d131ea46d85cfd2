// Public servers for files, the web and services: which of their arguments are paths, URLs or SQL.
import { all, none, sql, web, type CatalogueEntry, type Tools } from './entry.ts'

const path: CatalogueEntry = { paths: ['path'] }
const url: CatalogueEntry = { urls: ['url'], schemes: web }
const braveSearch = all(
  'brave_web_search brave_local_search brave_news_search brave_image_search brave_video_search',
  none,
)
const pageScript = 'a script in a page reaches any host'

/** By the names that an upstream may be declared as. */
export const filesAndWeb: Record<string, Tools> = {
  // @modelcontextprotocol/server-filesystem
  'server-filesystem': {
    ...all(
      `read_file read_text_file read_media_file write_file edit_file create_directory list_directory
      list_directory_with_sizes directory_tree search_files get_file_info`,
      path,
    ),
    read_multiple_files: { paths: ['paths'] },
    move_file: { paths: ['source', 'destination'] },
    list_allowed_directories: none,
  },
  // mcp-server-fetch
  'server-fetch': { fetch: url },
  'mcp-fetch-server': all('fetch_html fetch_markdown fetch_txt fetch_json', url),
  // mcp-server-git
  'server-git': {
    ...all(
      `git_status git_diff_unstaged git_diff_staged git_diff git_commit git_reset git_log git_create_branch
      git_checkout git_show git_branch`,
      { paths: ['repo_path'] },
    ),
    // The files to add are relative to the repository.
    git_add: { paths: ['repo_path', 'files'] },
    git_init: { paths: ['repo_path'] },
  },
  // @modelcontextprotocol/server-memory
  'server-memory': all(
    `create_entities create_relations add_observations delete_entities delete_observations delete_relations read_graph
    search_nodes open_nodes`,
    none,
  ),
  'server-sequential-thinking': { sequentialthinking: none },
  'server-time': all('get_current_time convert_time', none),
  'server-everything': all('echo add get-sum get-env get-tiny-image', none),
  // @modelcontextprotocol/server-slack
  'server-slack': all(
    `slack_list_channels slack_post_message slack_reply_to_thread slack_add_reaction slack_get_channel_history
    slack_get_thread_replies slack_get_users slack_get_user_profile`,
    none,
  ),
  // @modelcontextprotocol/server-brave-search, @brave/brave-search-mcp-server: what is searched for is no SQL
  'server-brave-search': braveSearch,
  'brave-search-mcp-server': braveSearch,
  // Its paths are inside a repository, its refs and queries are GitHub's
  'github-mcp-server': all(
    `get_me get_file_contents create_or_update_file delete_file push_files get_commit list_commits list_branches
    create_branch list_tags get_tag list_releases get_latest_release search_code search_repositories search_users
    search_issues search_pull_requests list_issues issue_read issue_write add_issue_comment get_label
    list_pull_requests pull_request_read create_pull_request update_pull_request merge_pull_request
    update_pull_request_branch create_repository fork_repository`,
    none,
  ),
  // @playwright/mcp
  playwright: {
    browser_navigate: url,
    browser_tab_new: { ...url, optional: ['url'] },
    browser_tabs: { ...url, optional: ['url'] },
    browser_file_upload: { paths: ['paths'], optional: ['paths'] },
    // Where they are written to is the server's to say.
    ...all('browser_take_screenshot browser_pdf_save', { paths: ['filename'], optional: ['filename'] }),
    ...all('browser_evaluate browser_run_code', { unknownUrls: pageScript }),
    ...all(
      `browser_click browser_close browser_console_messages browser_drag browser_handle_dialog browser_hover
      browser_navigate_back browser_network_requests browser_press_key browser_resize browser_select_option
      browser_snapshot browser_type browser_wait_for browser_fill_form`,
      none,
    ),
  },
  // @modelcontextprotocol/server-puppeteer
  puppeteer: {
    // The options may start another browser, with any command line.
    puppeteer_navigate: { ...url, opens: ['launchOptions', 'allowDangerous'] },
    puppeteer_evaluate: { unknownUrls: pageScript },
    ...all('puppeteer_screenshot puppeteer_click puppeteer_fill puppeteer_select puppeteer_hover', none),
  },
}

/** Public servers for databases of SQL. */
export const sqlServers: Record<string, Tools> = {
  // @modelcontextprotocol/server-postgres
  'server-postgres': { query: sql('sql', 'postgresql') },
  // mcp-server-sqlite
  'server-sqlite': {
    ...all('read_query write_query create_table', sql('query', 'sqlite')),
    list_tables: none,
    describe_table: none,
    append_insight: none,
  },
  // @benborla29/mcp-server-mysql
  'mcp-server-mysql': { mysql_query: sql('sql', 'mysql') },
  // @bytebase/dbhub
  'dbhub-postgresql': { execute_sql: sql('sql', 'postgresql') },
  'dbhub-mysql': { execute_sql: sql('sql', 'mysql') },
  'dbhub-sqlite': { execute_sql: sql('sql', 'sqlite') },
}
