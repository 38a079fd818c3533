# A Request Tracker that keeps everything in one folder. What differs from run to run comes from the environment.
use utf8;

my $folder = $ENV{DESK_FOLDER};

Set($rtname, 'desk.example.com');
Set($Organization, 'desk.example.com');
Set($Timezone, 'UTC');
Set($WebDomain, '127.0.0.1');
Set($WebPort, $ENV{DESK_PORT});
Set($WebBaseURL, "http://127.0.0.1:$ENV{DESK_PORT}");
Set($WebPath, '');
Set($CorrespondAddress, 'support@example.com');
Set($CommentAddress, 'support-comment@example.com');
Set($DatabaseType, 'SQLite');
Set($DatabaseName, "$folder/desk.sqlite3");
Set($MailCommand, 'mbox'); # a file in $VarPath
Set($LogToSyslog, undef);
Set($LogToSTDERR, 'warning');
Set($HTMLFormatter, 'core'); # the same on every machine, whatever is installed

$RT::VarPath = "$folder/var";
$RT::MasonDataDir = "$folder/mason";
$RT::MasonSessionDir = "$folder/sessions";

1;
