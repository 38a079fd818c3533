# Makes an empty Request Tracker a desk: a queue, a person on the staff, a user for the API. Prints that user's token.
use strict;
use warnings;
use lib '/usr/share/request-tracker5/lib';
use RT;

RT::LoadConfig();
RT::Init();
my $system = RT->SystemUser;

sub done {
    my ($ok, $message) = @_;
    die "$message\n" unless $ok;
}

sub grant {
    my ($to, $on, @rights) = @_;
    done($to->PrincipalObj->GrantRight(Right => $_, Object => $on)) for @rights;
}

my $queue = RT::Queue->new($system);
done($queue->Create(
    Name => 'Support', CorrespondAddress => 'support@example.com', CommentAddress => 'support-comment@example.com',
));
my $everyone = RT::Group->new($system);
$everyone->LoadSystemInternalGroup('Everyone');
grant($everyone, $queue, qw(CreateTicket ReplyToTicket));

my $staff = RT::Group->new($system);
done($staff->CreateUserDefinedGroup(Name => 'Helpdesk'));
grant($staff, $queue, qw(SeeQueue ShowTicket ShowTicketComments CreateTicket ReplyToTicket CommentOnTicket));
grant($staff, $queue, qw(ModifyTicket OwnTicket TakeTicket StealTicket));

my @people = (
    ['sam', 'Sam Staff', $ENV{DESK_STAFF_PASSWORD}],
    ['innkeeper', 'Innkeeper', undef], # by token alone
);
my $user;
for my $person (@people) {
    my ($name, $real_name, $password) = @$person;
    $user = RT::User->new($system);
    done($user->Create(
        Name => $name, RealName => $real_name, EmailAddress => "$name\@example.com", Privileged => 1,
        $password ? (Password => $password) : (),
    ));
    done($staff->AddMember($user->PrincipalId));
}
my ($ok, $message, $token) = RT::AuthToken->new($system)->Create(Owner => $user->Id, Description => 'REST2');
done($ok, $message);
print $token;
