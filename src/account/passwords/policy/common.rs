//! Words that begin most passwords, in French and English, and the ways over a keyboard.
//!
//! Folded (lower case, no accents), four letters or more, written for this list from what breach reports keep showing.
//! Only the stems stand here: spelling, digits, years, repetition and combination are recognised by `strength`.

/// Rows and columns of French, English and German keyboards and of the digit pad.
pub(super) const KEYBOARD: &[&str] = &[
    "azertyuiopqsdfghjklmwxcvbn",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "1234567890",
    "azqswxedcrfvtgbyhnujik",
    "qazwsxedcrfvtgbyhnujmikolp",
    "aqwzsxedcrfvtgbyhnujikolpm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1aqw2zsx3edc4rfv5tgb6yhn7uj8ik9ol0pm",
    "1q2w3e4r5t6y7u8i9o0p",
    "a1z2e3r4t5y6u7i8o9p0",
    "789456123",
    "147258369",
    "963852741",
    "159357",
    "!@#$%^&*()",
    "&é\"'(-è_çà",
    "&e\"'(-e_ca",
];

/// Refused even where demonstrations are allowed their short passwords.
pub(super) const SEED: &[&str] =
    &["password", "passw0rd", "motdepasse", "azertyui", "azertyuiop", "qwertyui", "qwertyuiop", "11111111", "00000000"];

/// Every word, one after the other.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    WORDS.split_ascii_whitespace()
}

const WORDS: &str = "
password passwd passwort passphrase passcode secret secrets private login logon signin access account user username
utilisateur identifiant motdepasse motdepass motpasse passe code codesecret sesame ouvretoi admin administrator
administrateur root toor superuser sysadmin system systeme server serveur default defaut guest invite test testing tester
temp temporary temporaire demo example exemple sample change changeme changemoi changezmoi please letmein laissemoi entrer
welcome bienvenue hello bonjour bonsoir salut coucou merci google facebook twitter instagram linkedin github gitlab microsoft
windows apple iphone samsung android orange bouygues free wanadoo hotmail gmail yahoo outlook amazon netflix youtube
azerty azertyuiop azer qwerty qwertz qsdf qsdfgh asdf asdfgh asdfghjkl wxcvbn zxcvbn zxcvbnm
abc123 abcd abcdef alpha beta gamma delta omega number numero trustno1 nothing something anything everything
iloveyou iloveu loveyou lovely love lover amour jetaime jtaime teamo monamour moncoeur coeur cherie cheri doudou loulou
loulou bebe bisou bisous calin princesse princess prince queen king reine angel ange sunshine soleil lune etoile
star stars moon flower fleur rose jasmine marguerite tulipe violette summer winter spring autumn hiver printemps automne
janvier fevrier mars avril juin juillet aout septembre octobre novembre decembre january february march april june july
august september october november december monday tuesday wednesday thursday friday saturday sunday lundi mardi mercredi
jeudi vendredi samedi dimanche weekend holiday vacances noel christmas birthday anniversaire
dragon monkey tiger lion panda chat chien chaton minou minette kitty puppy doggy cheval poney dauphin dolphin lapin rabbit
souris mouse papillon butterfly oiseau eagle aigle falcon phoenix wolf loup bear ours tigre pantera panther cobra spider
football soccer baseball basketball hockey rugby tennis golf volley handball judo karate boxing skate surf moto yamaha
honda suzuki kawasaki ducati ferrari porsche mercedes peugeot renault citroen clio twingo golf audi mustang corvette camaro
marseille paris lyon bordeaux toulouse nantes lille nice strasbourg monaco saintetienne rennes montpellier bretagne corse
france french english england london newyork america canada quebec espagne portugal italie italia maroc algerie tunisie
afrique europe juventus barcelona arsenal chelsea liverpool manchester madrid realmadrid olympique
michael jordan daniel thomas nicolas julien alexandre maxime antoine guillaume sebastien stephane christophe philippe
laurent patrick pascal pierre jean jacques francois michel andre bernard alain robert richard charles george william
david mathieu matthieu matthew anthony joshua andrew jennifer jessica michelle ashley nicole amanda melissa samantha
sarah laura marie julie camille manon chloe emma lucas hugo theo louis enzo nathan clement romain vincent olivier
caroline celine sandrine isabelle nathalie sophie valerie sylvie catherine christine veronique brigitte monique martine
charlie buster maggie ginger pepper cookie chocolate chocolat caramel vanille nutella banane banana orange apple pomme
fraise cerise cherry citron lemon peach peche tomate fromage cheese pizza coffee cafe biere beer vodka whisky
superman batman spiderman ironman pokemon pikachu naruto sasuke goku dragonball starwars skywalker matrix zelda mario
sonic minecraft fortnite callofduty playstation xbox nintendo gamer games game player joueur winner gagnant champion
killer hunter ninja samurai pirate warrior guerrier soldier soldat master maitre boss chef patron shadow ombre ghost
fantome magic magique wizard merlin harry potter gandalf legolas frodo hobbit thunder lightning storm orage fire water
metal metallica nirvana slipknot eminem rihanna beyonce shakira music musique guitar guitare piano drums batterie
computer ordinateur internet keyboard clavier monitor ecran mobile phone telephone laptop portable security securite secure
network reseau wifi freebox livebox bbox office bureau work travail maison house home family famille maman papa mother
father mere pere frere soeur sister brother enfant enfants bebe baby babygirl babyboy friend friends amis copain copine
money argent dollar euro euros rich riche banque bank credit freedom liberte egalite fraternite victory victoire lucky
chance bonheur happy heureux heureuse smile sourire beautiful beau belle beaute sexy pretty cool super genial gentil
doctor docteur medecin medecine infirmier infirmiere hopital hospital clinique clinic pharmacie pharmacy pharmacien patient
patients sante health healthcare cabinet ordonnance medical dentiste kine labo laboratoire vitale cartevitale urgence urgences
company societe entreprise business project projet manager director directeur directrice secretaire accueil reception support
service services client clients customer contact info formation stagiaire student etudiant school ecole college lycee
university universite teacher professeur library
chouchou chouquette nounours poussin tintin asterix obelix milou gaston
whatever trustme fuckyou fuckoff asshole bitch merde putain connard salope encule bordel pute
jesus christ dieu allah bible church eglise heaven paradis hell enfer devil diable satan demon peace paix
purple violet green vert yellow jaune blue bleu rouge black noir white blanc silver argent golden gold pink
correct horse battery staple incorrect
guichet sign signon single identity identite identification connexion connection connect connecter motus
";
